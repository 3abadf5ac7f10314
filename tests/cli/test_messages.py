"""docs/messages.md is what the code says: every sentence that operators are told, and what to do about it."""

from __future__ import annotations

import re
from pathlib import Path

from relay.cli.messages import PAGE, page
from relay.console.advice import ADVICE
from relay.language.of_stored import STORED
from relay.language.said import TABLES

ROOT = Path(__file__).parents[2]


def test_the_page_is_that_of_the_code() -> None:
    assert (ROOT / PAGE).read_text(encoding="utf-8") == page(), "run: python -m relay.cli.messages"


def test_every_sentence_is_there_once_in_both_languages() -> None:
    rows = [line for line in page().partition("## In both languages")[2].splitlines() if line.startswith("| ")]
    heads = [row for row in rows if row in ("| English | Swedish |", "| --- | --- |")]
    assert len(rows) - len(heads) == len(TABLES) + len(STORED)


def test_every_kind_of_trouble_and_every_cause_is_said_in_words() -> None:
    wrong, _, rest = page().partition("## Why a booking is not in the index")
    for advice in ADVICE.values():
        assert f"| {advice.text} | [{advice.section}](" in wrong
    causes = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", rest.partition("## Why a row")[0], re.MULTILINE)
    meant = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "why.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(causes) > 40
    assert {code for code, _, _ in causes} <= set(meant)
