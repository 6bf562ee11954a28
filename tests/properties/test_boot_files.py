"""What says how an image boots: any text has an answer, within its limits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hotplugctl.parse import assignments, bls, fstab, grub, release, syslinux

SCRIPTS = st.lists(
    st.sampled_from(
        ["menuentry ", "submenu ", "'a b' ", '"$x', '"', "'", "--id ", "--class ", "{", "}", "\n", ";", "linux /k-1 ",
         "set ", "default=", "x=", "${x}", "$", "\\", "#", "blscfg", "source ", "function f ", "if ", "then ", "fi",
         "&", "a", ">", " "]
    ),
    max_size=60,
).map("".join)  # fmt: skip


@given(st.one_of(st.text(), SCRIPTS))
def test_any_script(text: str) -> None:
    script = grub.parse(text, {"x": "1"})
    assert (
        len({entry.place for entry in script.entries}) <= len(script.entries) <= text.count("linux") + text.count("k")
    )
    for entry in script.entries:
        assert len(entry.place) == len(entry.titles) == len(entry.ids) >= 1
        assert len(entry.text) <= grub.LINE_LIMIT
    assert script.bls is None or script.bls >= 0


@given(SCRIPTS)
def test_an_entry_before_any_script_is_found(text: str) -> None:
    first = grub.parse(f"menuentry t --id i {{\n linux /boot/vmlinuz-6 a b\n}}\n{text}", {}).entries[0]
    assert (first.place, first.titles, first.ids) == ((0,), ("t",), ("i",))
    assert (first.kernel, first.text) == ("/boot/vmlinuz-6", "a b")


@given(st.text(), st.dictionaries(st.text(), st.text()))
def test_any_environment(text: str, variables: dict[str, str]) -> None:
    grub.environment(f"# GRUB Environment Block\n{text}")
    assert len(grub.expand(text, variables)) <= grub.LINE_LIMIT


ASSIGNMENTS = st.lists(
    st.sampled_from(["A", "=", "+=", "(", ")", '"', "'", "$A", "${B}", "\n", " ", ";", "#", "\\", "x", "export "]),
    max_size=40,
).map("".join)


@given(st.one_of(st.text(), ASSIGNMENTS))
def test_any_assignments(text: str) -> None:
    for name, value in assignments.parse(text).items():
        assert name.isidentifier() and len(value) <= assignments.VALUE_LIMIT


@given(ASSIGNMENTS)
def test_what_is_set_last_counts(text: str) -> None:
    assert assignments.parse(f"{text}\n'\n\"\n'\nLAST=1\nLAST=2\n").get("LAST", "2") == "2"


@given(st.text())
def test_any_text(text: str) -> None:
    entry = bls.entry(text)
    assert entry.kernel is not None or not entry.efi
    bls.default(text)
    menu = syslinux.parse(text)
    assert all(item.kernel and len(item.text) <= syslinux.LINE_LIMIT for item in menu.entries)
    assert all(point.startswith("/") for point in fstab.mount_points(text))


@given(st.text(), st.text())
def test_releases_have_an_order(one: str, other: str) -> None:
    assert (release.order(one) < release.order(other)) is not (release.order(one) >= release.order(other))
    assert release.of_file(one) is None or release.of_file(one) in one
