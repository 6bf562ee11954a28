"""Files about modules: any text has an answer, and both ways through modules.dep give the same one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hotplugctl.parse import modules

NAMES = ["a", "b_c", "ab", "b_c_d"]
LINES = st.lists(
    st.sampled_from(["kernel/", "/", "a", "b-c", "b_c", "ab", "b-c_d", ".ko", ".ko.xz", ":", " ", "\n", ".k", "o"]),
    max_size=30,
).map("".join)


@given(st.text())
def test_any_text(text: str) -> None:
    for module in modules.parse_proc_modules(text):
        assert module.name and module.size >= 0 and module.state in ("Live", "Loading", "Unloading")
    assert "" not in modules.builtin_names(text)
    assert all(name and "-" not in name for name in modules.load_list(text))
    assert all(name.isidentifier() or name[0].isdigit() for name in modules.sysconfig_modules(text))
    assert modules.parse_modprobe(text).unparsed <= text.count("\n") + 1


@given(
    st.lists(
        st.sampled_from(
            ["modprobe", "insmod", "-q", "-r", "-a", "--all", "x-y", "$m", ">", "2>&1", ";", "#", "\n", " ", "if ", "'"]
        ),
        max_size=20,
    )
)
def test_any_script(words: list[str]) -> None:
    assert set(modules.sysconfig_modules(" ".join(words))) <= {"x_y", "modprobe", "insmod", "if"}


@given(
    st.lists(
        st.sampled_from(["blacklist ", "install ", "options ", "alias ", "x-y ", "z", "\\\n", "\n", "#", "\r\n"]),
        max_size=30,
    )
)
def test_any_configuration(words: list[str]) -> None:
    config = modules.parse_modprobe("".join(words))
    assert all("-" not in name for name in config.blacklist)
    assert all(command.strip() == command for _, command in config.install)


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    assert all("-" not in name for name in modules.builtin_modinfo_names(data))
    assert {module for _, module in modules.builtin_modinfo_aliases(data)} <= modules.builtin_modinfo_names(data) | {""}
    modules.dep_paths(data, NAMES)


@given(LINES)
def test_both_ways_through_the_dependencies(text: str) -> None:
    data = text.encode()
    assert modules.dep_paths(data, NAMES) == modules.dep_paths(data, [*NAMES, *(f"none{n}" for n in range(20))])
