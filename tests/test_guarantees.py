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
