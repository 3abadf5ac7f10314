"""The house as docs/architecture.md draws it, held to the code: who may import whom, and what stands where."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted([*(ROOT / "relay").rglob("*.py"), *(ROOT / "workers").rglob("*.py")])
PURE = {"identity", "wallclock", "change", "booking", "post", "batch", "backoff", "difference", "surge"}
FLOORS = {  # a package may import packages of lower floors, and its own
    **dict.fromkeys(PURE, 0),
    "language": 0,
    "bounded": 0,
    "keyfiles": 0,
    "system": 0,
    "sessions": 0,
    "drivers": 0,
    "narrow": 0,
    "copying": 0,
    "longlived": 0,
    "pooler": 1,
    "database": 1,
    "catalogue": 1,
    "observe": 1,
    "settings": 2,
    "broker": 3,
    "outbox": 3,
    "index": 3,
    "store": 4,
    "flow": 5,
    "onboarding": 5,
    "listing": 1,
    "story": 1,
    "snapshot": 1,
    "sandbox": 3,
    "exporter": 6,
    "demo": 6,
    "testing": 6,
    "report": 6,
    "pytest_plugin": 7,
    "console": 7,
    "cli": 8,
    "celery_app": 8,
    "workers": 9,
    "__main__": 9,
}
FLOW = ("publishing", "delivery", "intake", "actions", "maintenance", "schedule", "inquiry", "process")  # lowest first
PURE_MAY_IMPORT = {
    "__future__", "collections", "dataclasses", "datetime", "enum", "functools", "hashlib", "json", "re", "typing",
    "unicodedata", "zoneinfo",
}  # fmt: skip


def imports(module: Path) -> set[str]:
    """The full names a module imports."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def package(name: str) -> str:
    """The package of a module's dotted name."""
    parts = name.split(".")
    return parts[1] if parts[0] == "relay" and len(parts) > 1 else parts[0]


def dotted(module: Path) -> str:
    return ".".join(module.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize("module", MODULES, ids=dotted)
def test_imports_go_one_way(module: Path) -> None:
    # Given a module, when it imports a package of this project, then that package is not above its own
    here = package(dotted(module))
    for name in imports(module):
        if name.startswith(("relay.", "workers")) and name != "relay.__version__" and package(name) != here:
            assert FLOORS[package(name)] <= FLOORS[here], f"{here} imports {name}"


@pytest.mark.parametrize("module", [m for m in MODULES if m.parent.parent.name == "flow"], ids=dotted)
def test_the_parts_of_flow_import_one_way_too(module: Path) -> None:
    """But for `flow/relay.py`, which makes what they all use."""
    here = FLOW.index(module.parent.name)
    for name in imports(module):
        match name.split("."):
            case ["relay", "flow", part, _, *_] if part != "relay":
                assert FLOW.index(part) <= here, f"{module.parent.name} imports {name}"


@pytest.mark.parametrize("module", [m for m in MODULES if m.parent.name == "relay" and m.stem in PURE], ids=dotted)
def test_the_pure_modules_import_nothing_that_does_anything(module: Path) -> None:
    for name in imports(module):
        assert name.split(".")[0] in PURE_MAY_IMPORT or package(name) in PURE, name


@pytest.mark.parametrize("module", MODULES, ids=dotted)
def test_only_the_celery_app_knows_celery(module: Path) -> None:
    celery = {name for name in imports(module) if name.split(".")[0] in ("celery", "kombu")}
    its_transport = all(name.startswith("kombu") for name in celery) and package(dotted(module)) == "broker"
    assert not celery or its_transport or package(dotted(module)) == "celery_app"


@pytest.mark.parametrize("module", MODULES, ids=dotted)
def test_all_sql_is_in_the_store_and_the_outbox(module: Path) -> None:
    """The demo's booking systems are no part of the relay, and write SQL as booking systems do."""
    if module.is_relative_to(ROOT / "relay" / "demo"):
        return
    statements = {"select", "insert", "update", "delete", "text", "exists", "func"}
    made = {name for name in imports(module) if name.startswith("sqlalchemy.") and name.split(".")[1] in statements}
    assert not made or module.parent.name in ("store", "outbox", "migrations", "versions")


@pytest.mark.parametrize("module", MODULES, ids=dotted)
def test_every_module_says_what_it_is_for_and_is_short(module: Path) -> None:
    source = module.read_text()
    assert ast.get_docstring(ast.parse(source)), "no docstring"
    assert len(source.splitlines()) <= 400


ASKING = {
    "cli/verify.py", "flow/relay.py", "flow/maintenance/verify.py", "index/find.py", "index/soap.py",
    "settings/engagement_index.py", "settings/relations.py", "demo/config.py",
}  # fmt: skip


def test_the_relay_asks_an_index_what_it_holds_in_one_place_only() -> None:
    """R-39: FindContent on the national index is for aggregating services; verify alone speaks it, where it may."""
    speaking = {
        module.relative_to(ROOT / "relay").as_posix()
        for module in MODULES
        if module.is_relative_to(ROOT / "relay")
        if not module.is_relative_to(ROOT / "relay" / "sandbox")
        if re.search("find_?content", module.read_text(), re.IGNORECASE)
    }
    assert speaking == ASKING


def test_the_common_name_holds_nothing_but_names() -> None:
    """`workers` is a name that others may have too: no code is lost where theirs comes first on the path."""
    for module in (ROOT / "workers").glob("*.py"):
        allowed = (ast.Expr, ast.ImportFrom, ast.Assign)
        assert all(isinstance(node, allowed) for node in ast.parse(module.read_text()).body), module
