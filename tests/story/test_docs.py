"""docs/why.md lists every cause by its code, each of which a test makes."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from relay.booking import HIDDEN, LOCAL, NOT_ALLOWED, NOT_CONNECTED, PAST, REMOVED, RETIRED, UNSTORABLE
from relay.story.of_booking import BOOKING

ROOT = Path(__file__).parents[2]


def codes() -> set[str]:
    """The codes that the story gives its causes, and its answers."""
    found = set()
    for module in (ROOT / "relay" / "story").glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Cause", "Answer"):
                place = node.args[0 if node.func.id == "Cause" else 2]
                found |= {
                    each.value
                    for each in ast.walk(place)
                    if isinstance(each, ast.Constant)
                    and isinstance(each.value, str)
                    and re.fullmatch("[a-z_]+", each.value)  # not a text that a condition looks for
                }
    return found - {"other"}


def test_every_cause_is_in_the_table() -> None:
    listed = set(
        re.findall(r"^\| `([a-z_]+)` \|", (ROOT / "docs" / "why.md").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert listed == codes()
    assert len(listed) > 25


def test_every_cause_is_made_by_a_test() -> None:
    made = set()
    for module in Path(__file__).parent.glob("test_*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "makes":
                made |= {each.value for each in node.args if isinstance(each, ast.Constant)}
    assert made == codes()


def test_every_reason_to_have_no_post_is_told() -> None:
    assert set(BOOKING) == {REMOVED, RETIRED, LOCAL, NOT_ALLOWED, NOT_CONNECTED, HIDDEN, PAST, UNSTORABLE}
