"""docs/guarantees.md names a test for each promise: it must be there, under that name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMED = sorted(set(re.findall(r"`((?:tests/[a-z_/]*)?(?:test_\w+\.py)?(?:::\w+)?)`",
                              (ROOT / "docs/guarantees.md").read_text(encoding="utf-8"))) - {""})  # fmt: skip


def test_tests_are_named_at_all() -> None:
    assert len(NAMED) > 20


@pytest.mark.parametrize("named", NAMED)
def test_what_shows_a_promise_is_there(named: str) -> None:
    """Given as a path, or as a file's name alone where that is enough to find it."""
    path, _, function = named.partition("::")
    found = [ROOT / path] if path.startswith("tests/") else list((ROOT / "tests").rglob(path))
    assert [file.exists() for file in found] == [True]
    assert not function or f"def {function}(" in found[0].read_text(encoding="utf-8")


def test_every_bad_thing_is_in_one_table_and_shown_by_a_test() -> None:
    page = (ROOT / "docs/guarantees.md").read_text(encoding="utf-8")
    heading = "## What one bad thing can stop"
    assert page.count(heading) == 1
    section = page.split(heading)[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| ")][2:]
    faults = [row for row in rows if not row[0].strip().startswith("**")]
    assert len(faults) >= 25
    for what, stops, shown in faults:
        assert stops.strip(), what
        assert re.search(r"`[\w/.]+\.py(::\w+)?`", shown), what
