"""docs/sandbox.md, held to what the sandbox can do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from click.testing import CliRunner

from relay.cli.sandbox import sandbox
from relay.sandbox.orders import Kind
from relay.sandbox.verbs import VERBS

PAGE = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()


def section(title: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_every_verb_stands_in_both_tables() -> None:
    assert set(re.findall(r"^\| `([a-z]+)` \|", section("Making things happen"), re.MULTILINE)) == set(VERBS)
    for verb in VERBS:
        assert f"`{verb}`" in section("What it does, and how to see it"), verb


def test_every_answer_that_can_be_ordered_is_there() -> None:
    assert set(re.findall(r"^\| `([a-z-]+)` \|", section("Ordering answers"), re.MULTILINE)) == {
        "answer",
        *get_args(Kind),
    }


def test_every_option_is_there_and_help_says_where_it_is_stricter() -> None:
    for option in {name for each in sandbox.params for name in each.opts} - {"--host", "--port"}:
        assert option in PAGE, option
    told = " ".join(CliRunner().invoke(sandbox, ["--help"]).output.split())
    assert "Unless --as-measured it also checks the schema" in told
