"""Where a secret stands: passwords, keys, tokens, and the accounts and machines that are named along with them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hotplugctl.scrub import nearby
from hotplugctl.scrub.records import Span

_VALUE = r"=(?:\"([^\"\n\0\\]{1,4096})|'(?=[^\s),;])([^'\n\0\\]{1,4096})|([^\s\"'&,;\0\\]{1,4096}))"
# Keys that stand alone, and those that end words too: ``rootpassword=``, ``apitoken=``.
_ALONE = (
    r"(?<![0-9a-z])((?:root|user|vnc|admin)?pw|psk|pre-?shared-?key|"
    r"(?:api|auth|access|private|luks|wpa|ssh)?[._-]?key|access[._-]?key[._-]?id|credentials?|set_credential(?:_binary)?|"
    rf"pass|pwd|sig|signature){_VALUE}"
)
_ALONE_WORDS = (
    "key=", "key_id=", "key-id=", "keyid=", "pass=", "pwd=", "pw=", "psk=", "credential=", "credentials=",
    "credential_binary=", "sig=", "signature=",
)  # fmt: skip
_ENDING = rf"(password(?:_pbkdf2)?|passwd|passphrase|passwort|secret|token){_VALUE}"
_ENDING_WORDS = ("password=", "password_pbkdf2=", "passwd=", "passphrase=", "passwort=", "secret=", "token=")
_OPTION = (
    r"--(?<![0-9A-Za-z-]--)(?:http-|ftp-|proxy-)?(?:password|passwd|passphrase|token|secret)[ \0]"
    r"([^\s\"'\0\\-][^\s\"'\0\\]{0,4095})"
)
# Of these programs -p, -u and -w are no numbers of ports (sshpass(1), mysql(1), curl(1), ldapsearch(1)).
_SHORT = (
    r"\b(?:(?:sshpass|mysql\w{0,12}|mariadb[\w-]{0,12}|mongo\w{0,8}|docker login|podman login|ipmitool)"
    r"(?:[ \0][^;|&\n\"]{0,256}?)?[ \0]-[pP][ \0]?|ldap\w{1,8}(?:[ \0][^;|&\n\"]{0,256}?)?[ \0]-w[ \0]?|"
    r"(?:curl|wget)(?:[ \0][^;|&\n\"]{0,256}?)?[ \0](?:-u|--user)[ \0=]?[^\s\0:]{1,64}:)"
    r"([^\s\"'\0\\-][^\s\"'\0\\]{2,4095})"
)
_SHORT_WORDS = ("sshpass", "mysql", "mariadb", "mongo", " login", "ipmitool", "ldap", "curl", "wget")
_URL = (
    r"(?<![0-9A-Za-z])[a-z][a-z0-9+.-]{1,20}://([^\s/@:\"'\0\\]{1,128}):([^\s/@\"'\0\\]{0,256})@"
    r"[^\s/:\"'\0\\]{1,255}"
)
_LOGIN = re.compile(r"://[^\s/@:\"'\0\\]{1,128}:[^\s/@\"'\0\\]{0,256}@")
_KEYS = (
    r"\b(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-\w{1,20}) ([A-Za-z0-9+/=]{20,4096})"
    r"(?: ([^\s@]{1,64})@([^\s\"\\]{1,255}))?"
)
_PEM = r"-----BEGIN [A-Z ]{0,30}KEY-----\s*([A-Za-z0-9+/=\s]{20,65536})-----END"
_FINGERPRINT = r"\bSHA256:([0-9A-Za-z+/]{40,44})(?![0-9A-Za-z+/])"
# NVMe's in-band authentication, and the ids of keys that AWS gives out.
_DHCHAP = r"\bDHHC-1:\d\d:([A-Za-z0-9+/=]{8,256}):"
_AWS = r"\b((?:AKIA|ASIA)[0-9A-Z]{16})\b"
_PBKDF2 = r"\bgrub\.pbkdf2\.sha\d{1,3}\.\d{1,10}\.([0-9A-Fa-f]{8,1024}(?:\.[0-9A-Fa-f]{4,1024})?)"
_GRUB_PASSWORD = r"^[ \t]*password(?:_pbkdf2)?[ \t]+(\S{1,64})[ \t]+(\S{3,4096})"
_SUPERUSERS = r"\bsuperusers=(?:\"([^\"\n]{1,1024})|'([^'\n]{1,1024})|([^\s\"']{1,1024}))"


_BY_WORD = (
    ("-----BEGIN", _PEM), ("SHA256:", _FINGERPRINT), (".pbkdf2.", _PBKDF2), ("--", _OPTION), ("DHHC-1:", _DHCHAP),
    ("AKIA", _AWS), ("ASIA", _AWS),
)  # fmt: skip


def _look(words: tuple[str, ...]) -> str:
    """Whether one of ``words``, which all end with ``=``: looking for that first is what makes it fast."""
    return f"=(?:{'|'.join(f'(?<={word})' for word in words)})"


def spans(path: str, text: str) -> Iterator[Span]:
    """The secrets in ``text``, the file at ``path``."""
    yield from _settings(text)
    for found in re.finditer(_URL, text) if _LOGIN.search(text) else ():
        yield Span(found.start(1), found.end(1), "user")
        yield Span(found.start(2), found.end(2), "secret")
    for found in re.finditer(_KEYS, text) if "ssh-" in text or "ecdsa-" in text else ():
        for number, kind in ((1, "secret"), (2, "user"), (3, "hostname")):
            if found[number]:
                yield Span(found.start(number), found.end(number), kind)
    for word, pattern in _BY_WORD:
        for found in re.finditer(pattern, text) if word in text else ():
            yield Span(found.start(1), found.end(1), "secret")
    for found in re.finditer(_SHORT, text) if any(word in text for word in _SHORT_WORDS) else ():
        yield Span(found.start(1), found.end(1), "secret")
    if "grub" in path:
        yield from _of_grub(text)


def _settings(text: str) -> Iterator[Span]:
    low = text.lower() if "=" in text else ""
    for words, pattern in ((_ALONE_WORDS, _ALONE), (_ENDING_WORDS, _ENDING)):
        if not any(word in low for word in words):
            continue
        for found in nearby.found(re.compile(_look(words)), re.compile(pattern), low):
            number = found.lastindex or 2
            if not _is_setting(text[found.start(1) : found.end(1)], found[number]):
                yield Span(found.start(number), found.end(number), "secret")


def _is_setting(key: str, value: str) -> bool:
    """A kernel's configuration, the keys of a keyboard (``KEY=402000000 …``), a word for on or off: no secret."""
    if key == "KEY":
        return True
    return len(value) < 3 or value in ("yes", "off", "true", "false", "none", "auto", "null", "ask")


def _of_grub(text: str) -> Iterator[Span]:
    """Its accounts: ``password USER PLAIN``, ``password_pbkdf2 USER HASH``, ``superusers="USER, USER"``."""
    for found in re.finditer(_GRUB_PASSWORD, text, re.MULTILINE) if "password" in text else ():
        if found[1] != "root":
            yield Span(found.start(1), found.end(1), "user")
        yield Span(found.start(2), found.end(2), "secret")
    for found in re.finditer(_SUPERUSERS, text) if "superusers=" in text else ():
        start = found.start(found.lastindex or 1)
        for user in re.finditer(r"[^\s,;|&]+", found[found.lastindex or 1]):
            if user[0] != "root":
                yield Span(start + user.start(), start + user.end(), "user")
