"""Habits that a scan can hold: sizes, names, ignores, promises in comments, machine paths."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("schemas", "detectors", "infra", "streams", "homeostat", "tests", "bench", "docs", ".ci")
FILES = [*ROOT.glob("*"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))]
LINKS = {path for path in (ROOT / "homeostat").iterdir() if path.is_symlink()}
PYTHON = sorted(path for path in FILES if path.suffix == ".py" and not LINKS & set(path.parents))
PACKAGES = [path for path in PYTHON if path.relative_to(ROOT).parts[0] not in {"tests", "bench"}]
BARRED = {Path(__file__), ROOT / ".coverage"}
"""What says where a path may lie, and what `make coverage` leaves behind: no text."""
MODULE_LINES, FUNCTION_LINES = 350, 50


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_modules_are_one_thing() -> None:
    sizes = {shown(path): len(path.read_text().splitlines()) for path in PYTHON}
    assert {name: size for name, size in sizes.items() if size > MODULE_LINES} == {}


def test_functions_fit_on_a_screen() -> None:
    long: dict[str, int] = {}
    for path in PACKAGES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                size = node.end_lineno - node.lineno + 1
                if size > FUNCTION_LINES:
                    long[f"{shown(path)}:{node.name}"] = size
    assert long == {}


def test_no_module_is_a_drawer() -> None:
    drawers = {"utils.py", "util.py", "helpers.py", "common.py", "misc.py"}
    assert [shown(path) for path in PYTHON if path.name in drawers] == []


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"#\s*type:\s*ignore(?!\[)", "an ignore names its code"),
        (r"#\s*type:\s*ignore\[[^]]*\]\s*$", "an ignore gives its reason"),
        (r"#.*\b(TO" + r"DO|FIX" + r"ME|XXX|HA" + r"CK)\b", "no promises in comments"),
        (r"#\s*[-=#*]{4,}", "no banners"),
        (r"pytest\.(mark\.)?(skip|skipif|xfail|importorskip)\b", "no test is skipped"),
    ],
)
def test_no_line_has(pattern: str, why: str) -> None:
    found = [
        f"{shown(path)}:{number}"
        for path in PYTHON
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(pattern, line) and path != Path(__file__)
    ]
    assert found == [], why


def test_no_path_of_one_machine() -> None:
    kinds = {".py", ".md", ".toml", ".yml", ".yaml", ".lock", ".json", ""}
    texts = [path for path in FILES if path.is_file() and path.suffix in kinds and path not in BARRED]
    marks = re.compile(r"/work/|/root/|\.\./shared|/home/(?!homeostat\b)\w+/")
    assert [shown(path) for path in texts if marks.search(path.read_text())] == []
