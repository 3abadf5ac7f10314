"""docs/configuration.md is what the settings say."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.settings import Console, EngagementIndex, Region, Retention, Settings, Source, SurgeGuard
from relay.settings.environment import overlay
from relay.settings.reference import PAGE, page

_PAGE = Path(__file__).parents[2] / PAGE


def test_the_page_is_up_to_date() -> None:
    assert _PAGE.read_text(encoding="utf-8") == page(), "run: python -m relay.settings.reference"


def test_every_setting_is_on_it() -> None:
    for model in (Settings, EngagementIndex, Region, Retention, SurgeGuard, Console, Source):
        for key in model.model_fields:
            assert f"| `{key}` |" in page() or f"[{key}" in page(), key


def test_every_variable_on_it_is_one_that_the_relay_reads() -> None:
    cells = [line.split("|")[-2].strip().strip("`") for line in page().splitlines() if line.startswith("| `")]
    variables = {cell: "x" for cell in cells if cell.startswith("EI_RELAY_")}
    assert len(variables) > 40
    assert overlay({}, variables, lambda name: name).warnings == []


@pytest.mark.parametrize("model", [Settings, EngagementIndex, Source])
def test_every_setting_says_what_it_is_for(model: type[Settings | EngagementIndex | Source]) -> None:
    for name, field in model.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
