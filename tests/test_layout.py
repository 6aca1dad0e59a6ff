"""The arrows of the house: loaders → geoplatform ← exports, never back, never sideways."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: What each room may import of ours (a module or a package, with everything in it).
MAY: dict[str, set[str]] = {
    "geoplatform": set(),
    "geoplatform.refusals": set(),
    "geoplatform.errors": {"geoplatform.refusals"},
    "geoplatform.progress": set(),
    "geoplatform.basemap": {"geoplatform.errors"},
    "geoplatform.config": {"geoplatform.basemap", "geoplatform.errors", "geoplatform.model"},
    "geoplatform.hours": set(),
    "geoplatform.reading": {"geoplatform.refusals", "geoplatform.errors", "geoplatform.hours"},
    "geoplatform.mail": {"geoplatform.errors"},
    "geoplatform.archive": {"geoplatform.refusals", "geoplatform.errors", "geoplatform.model", "geoplatform.reading"},
    "geoplatform.model": {"geoplatform.refusals", "geoplatform.errors", "geoplatform.reading"},
    "geoplatform.succession": {"geoplatform.model"},
    "geoplatform.cql2": {"geoplatform.references", "geoplatform.model", "geoplatform.errors"},
    "geoplatform.references": {"geoplatform.errors"},
    "geoplatform.tabular": set(),
    "geoplatform.encode": {"geoplatform.model", "geoplatform.errors"},
    "geoplatform.embedded": {"geoplatform.errors", "geoplatform.config"},
    "geoplatform.store": {
        "geoplatform.cql2",
        "geoplatform.references",
        "geoplatform.hours",
        "geoplatform.model",
        "geoplatform.succession",
        "geoplatform.refusals",
        "geoplatform.errors",
        "geoplatform.config",
    },
    "geoplatform.tiles": {"geoplatform.store", "geoplatform.model", "geoplatform.errors"},
    "geoplatform.web": {
        "geoplatform",
        "geoplatform.tiles",
        "geoplatform.store",
        "geoplatform.cql2",
        "geoplatform.references",
        "geoplatform.tabular",
        "geoplatform.encode",
        "geoplatform.archive",
        "geoplatform.mail",
        "geoplatform.reading",
        "geoplatform.hours",
        "geoplatform.model",
        "geoplatform.refusals",
        "geoplatform.errors",
        "geoplatform.config",
        "geoplatform.basemap",
    },
    "geoplatform.session": {
        "geoplatform.store",
        "geoplatform.embedded",
        "geoplatform.progress",
        "geoplatform.config",
        "geoplatform.errors",
    },
    "geoplatform.companion": set(),
    "geoplatform.access": {
        "geoplatform.errors",
        "geoplatform.session",
        "geoplatform.store",
        "geoplatform.mail",
    },
    "geoplatform.cli": {
        "geoplatform",
        "geoplatform.access",
        "geoplatform.companion",
        "geoplatform.session",
        "geoplatform.web",
        "geoplatform.tiles",
        "geoplatform.store",
        "geoplatform.model",
        "geoplatform.embedded",
        "geoplatform.progress",
        "geoplatform.config",
        "geoplatform.errors",
    },
    "loaders": {
        "geoplatform.session",
        "geoplatform.store",
        "geoplatform.progress",
        "geoplatform.model",
        "geoplatform.reading",
        "geoplatform.errors",
        "geoplatform.config",
    },
    "exports": {
        "geoplatform.cql2",
        "geoplatform.session",
        "geoplatform.store",
        "geoplatform.tiles",
        "geoplatform.progress",
        "geoplatform.encode",
        "geoplatform.model",
        "geoplatform.errors",
        "geoplatform.config",
        "geoplatform",
    },
}
MODULES = sorted(path for room in ("geoplatform", "loaders", "exports") for path in (ROOT / room).rglob("*.py"))


def name_of(path: Path) -> str:
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    return max((room for room in MAY if module == room or module.startswith(room + ".")), key=len)


def imports_of(path: Path) -> set[str]:
    """Our own modules that a file imports; `from package import name` counts `package.name` if that is a module."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                file = ROOT.joinpath(*inner.split("."))
                found.add(inner if file.is_dir() or file.with_suffix(".py").exists() else str(node.module))
    return {name for name in found if name.split(".")[0] in ("geoplatform", "loaders", "exports", "tests")}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_imports_only_what_its_room_may(path: Path) -> None:
    room = room_of(name_of(path))
    for imported in imports_of(path):
        other = room_of(imported) if imported.split(".")[0] != "tests" else "tests"
        assert other == room or other in MAY[room], f"{name_of(path)} imports {imported}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_config_reads_the_environment(path: Path) -> None:
    reads = "os.environ" in path.read_text().replace("os.environ.update(", "") or "getenv" in path.read_text()
    assert not reads or name_of(path) == "geoplatform.config"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_store_speaks_sql_and_only_the_web_speaks_http(path: Path) -> None:
    room, text = room_of(name_of(path)), path.read_text()
    tree = ast.parse(text)
    packages = {
        (alias.name if isinstance(node, ast.Import) else node.module or "").split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    if room != "geoplatform.web":
        assert not packages & {"flask", "werkzeug"}
    if not room.startswith(("geoplatform.store", "geoplatform.embedded")):
        assert not packages & {"psycopg", "psycopg_pool"}
    if room != "geoplatform.store" and name_of(path) != "exports.formats.geopackage":  # a database in a file
        assert not {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and _is_query(node.value)}


def _is_query(value: object) -> bool:
    return isinstance(value, str) and value.lstrip()[:12].upper().startswith(
        ("SELECT ", "INSERT ", "UPDATE ", "DELETE F", "COPY ")
    )


def test_no_module_is_longer_than_six_hundred_lines() -> None:
    assert not [path for path in MODULES if len(path.read_text().splitlines()) > 600]


def test_the_top_level_is_the_agreed_one() -> None:
    import subprocess

    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    top = {line.split("/")[0] for line in listed.splitlines()}
    agreed = {"geoplatform", "loaders", "exports", "sql", "tests", "data", "docs", "deploy", ".ci", "Makefile"}
    assert top <= agreed | {"pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", ".gitignore"}
