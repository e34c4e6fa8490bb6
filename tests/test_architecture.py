"""Rules that hold for every module, whoever writes it."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

import acs_conformance
from acs_conformance import errors, spec_folder

SOURCE = Path(acs_conformance.__file__).parent
MODULES = sorted(path for path in SOURCE.rglob("*.py") if "__pycache__" not in path.parts)
by_module = pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
#: Lines beyond which a module is split.
LONGEST = 400


def names_of_shipped_operations() -> set[str]:
    """Every name that only a description may know: operations, products, parameters and members, what is created."""
    found: set[str] = set()
    for description in spec_folder.load_all().values():
        found |= {description.operation, description.product}
        found |= {step for path in description.nodes for step in re.split(r"\.|\[\]", path) if step}
        if description.creates is not None:
            found.add(description.creates.id)
    return found


NAMES = names_of_shipped_operations()
_WORD = re.compile(
    rf"(?<![A-Za-z0-9_])({'|'.join(map(re.escape, sorted(NAMES, key=len, reverse=True)))})(?![A-Za-z0-9_])"
)


def test_there_is_something_to_look_for_and_to_look_through():
    assert {"StartRtcCloudTranscode", "live", "AppId", "SingleSubUserParam", "TaskId"} <= NAMES
    assert len(MODULES) > 30


def strings_and_identifiers(tree: ast.Module) -> list[str]:
    """What a module says in code: names, attributes, keywords, strings; no docstrings."""
    docstrings = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            docstrings.add(id(node.body[0].value))
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            found.append(node.value)
        elif isinstance(node, ast.Name):
            found.append(node.id)
        elif isinstance(node, ast.Attribute):
            found.append(node.attr)
        elif isinstance(node, ast.keyword | ast.arg) and node.arg:
            found.append(node.arg)
    return found


@by_module
def test_no_code_knows_a_name_of_an_operation(module):
    tree = ast.parse(module.read_text(encoding="utf-8"))
    assert [text for text in strings_and_identifiers(tree) if _WORD.search(text)] == []


@by_module
def test_no_comment_or_docstring_names_an_operation_either(module):
    lines = module.read_text(encoding="utf-8").split("\n")
    assert [f"{number}: {line.strip()}" for number, line in enumerate(lines, 1) if _WORD.search(line)] == []


@by_module
def test_every_module_says_what_it_is_for(module):
    docstring = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8")))
    assert docstring
    assert docstring.split("\n", 1)[0].rstrip().endswith((".", ":"))


@by_module
def test_no_module_is_longer_than_400_lines(module):
    assert len(module.read_text(encoding="utf-8").splitlines()) <= LONGEST


def _rank(name: str) -> tuple[bool, bool, str]:
    """Constants first, then classes, then functions, each by name."""
    return (not name.isupper(), not name[0].isupper(), name)


@by_module
def test_what_a_module_exports_is_sorted_there_and_once(module):
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            names = ast.literal_eval(node.value)
            assert names == sorted(names, key=_rank)
            assert len(set(names)) == len(names)


@by_module
def test_nobody_downstream_of_the_loader_reads_yaml(module):
    text = module.read_text(encoding="utf-8")
    if module.name != "source.py":
        assert not re.search(r"^\s*(import|from) (ruamel|yaml)\b", text, re.MULTILINE)


# --- errors ---------------------------------------------------------------------------------------------------------


def drawn() -> dict[str, str | None]:
    """Name -> the one it hangs under, in the tree that the docstring draws."""
    found: dict[str, str | None] = {}
    above: list[tuple[int, str]] = []
    for line in inspect.getdoc(errors).split("\n"):
        match = re.fullmatch(r"([ \u2502\u251c\u2514\u2500]*)([A-Z][A-Za-z]+)(?:\s{2,}\S.*)?", line)
        if match is None or (not match[1] and not match[2].endswith("Error")):
            continue
        level = len(match[1])
        above = [(depth, name) for depth, name in above if depth < level]
        found[match[2]] = above[-1][1] if above else None
        above.append((level, match[2]))
    return found


def test_the_drawn_tree_has_every_exception_under_its_base():
    classes = {
        name: value
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, Exception) and value.__module__ == errors.__name__
    }
    expected = {
        name: None if value.__base__ is Exception else value.__base__.__name__ for name, value in classes.items()
    }
    assert drawn() == expected
    assert expected["AcsConformanceError"] is None
    assert len(expected) >= 6


@by_module
def test_an_exception_for_users_is_defined_among_the_others(module):
    """Elsewhere an exception is a signal inside one module, which says so by its name or by not being an error."""
    if module.name == "errors.py":
        return
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
            assert not (bases & {"AcsConformanceError", "UsageError"}), node.name
            assert not (node.name.endswith("Error") and not node.name.startswith("_")), node.name
