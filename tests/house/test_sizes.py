"""Modules and functions stay small, names say something, and no fault is swallowed unseen."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
ROOMS = ("hotplugctl", "tests", "scripts", "bench")
MODULES = sorted(path for room in ROOMS for path in (CHECKOUT / room).rglob("*.py"))

LINES_OF_A_MODULE = 400
LINES_OF_A_TEST_MODULE = 600
LINES_OF_A_FUNCTION = 50
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "tools", "stuff"}

# Where any exception at all becomes an answer: a defect ends with exit status 70, a rule that crashes is an outcome.
BOUNDARIES = {
    "hotplugctl/__main__.py",
    "hotplugctl/cli/main.py",
    "hotplugctl/rules/engine.py",
    "hotplugctl/rules/validation/engine.py",
}
CATCH_ALL = {"Exception", "BaseException"}


def name(path: Path) -> str:
    return path.relative_to(CHECKOUT).as_posix()


def long_functions(tree: ast.AST, limit: int) -> Iterator[tuple[int, str, int]]:
    """Line, name and length of every function longer than ``limit``; decorators and docstring do not count."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.lineno
            if ast.get_docstring(node, clean=False) is not None:
                first = node.body[0].end_lineno or first
            length = (node.end_lineno or first) - first + 1
            if length > limit:
                yield node.lineno, node.name, length


def catch_alls(tree: ast.AST) -> Iterator[int]:
    """Lines of ``except:``, ``except Exception`` and ``except BaseException``, alone or in a tuple.

    One that ends with a plain ``raise`` only tidies up, and does not count.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            last = node.body[-1]
            if isinstance(last, ast.Raise) and last.exc is None:
                continue
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            if any(kind is None or (isinstance(kind, ast.Name) and kind.id in CATCH_ALL) for kind in kinds):
                yield node.lineno


def test_there_is_something_to_measure() -> None:
    assert {name(path).split("/")[0] for path in MODULES} >= {"hotplugctl", "tests", "bench"}


def test_modules_are_small() -> None:
    sizes = {name(path): path.read_bytes().count(b"\n") for path in MODULES}
    limits = {path: LINES_OF_A_TEST_MODULE if path.startswith("tests/") else LINES_OF_A_MODULE for path in sizes}
    assert not {path: size for path, size in sizes.items() if size > limits[path]}


def test_functions_are_small() -> None:
    found = [
        f"{name(path)}:{line}: {function} has {length} lines"
        for path in MODULES
        for line, function, length in long_functions(ast.parse(path.read_text(encoding="utf-8")), LINES_OF_A_FUNCTION)
    ]
    assert not found, "\n".join(["", *found])


def test_names_say_something() -> None:
    parts = {name(path): path.relative_to(CHECKOUT).with_suffix("").parts for path in MODULES}
    assert not [path for path, words in parts.items() if {word.strip("_") for word in words} & EMPTY_NAMES]


def test_no_fault_is_swallowed() -> None:
    found = [
        f"{name(path)}:{line}"
        for path in MODULES
        if name(path).startswith("hotplugctl/") and name(path) not in BOUNDARIES
        for line in catch_alls(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not found, "\n".join(["catch only what you expect:", *found])


def test_a_long_function_is_seen() -> None:
    tree = ast.parse("def f():\n    'doc'\n" + "    x = 1\n" * 4)
    assert list(long_functions(tree, 3)) == [(1, "f", 5)]
    assert not list(long_functions(tree, 5))


@pytest.mark.parametrize("clause", ["except:", "except Exception:", "except (OSError, BaseException) as error:"])
def test_a_catch_all_is_seen(clause: str) -> None:
    assert list(catch_alls(ast.parse(f"try:\n    pass\n{clause}\n    pass\n"))) == [3]
    assert not list(catch_alls(ast.parse("try:\n    pass\nexcept OSError:\n    pass\n")))
    assert not list(catch_alls(ast.parse(f"try:\n    pass\n{clause}\n    print(1)\n    raise\n")))
