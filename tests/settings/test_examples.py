"""The example configurations are ones an operator could start from."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from relay.catalogue import read_care_units, read_test_residents
from relay.sandbox.contract import MOUNT, UPDATE_PATH
from relay.settings import Console, EngagementIndex, Region, Retention, Settings, Source, SurgeGuard, load

_FOLDER = Path(__file__).parents[2] / "config"


@pytest.mark.parametrize("name", ["example.toml", "minimal.toml"])
def test_an_example_loads(name: str) -> None:
    assert load(str(_FOLDER / name), environ={}).environment == "qa"


def test_the_least_example_finds_the_sandbox_as_it_starts_by_itself() -> None:
    least = load(str(_FOLDER / "minimal.toml"), environ={})

    assert least.engagement_index["practice"].url == f"http://localhost:8088{MOUNT}{UPDATE_PATH}"


def test_the_full_example_is_full_and_shows_the_defaults() -> None:
    document = tomllib.loads((_FOLDER / "example.toml").read_text(encoding="utf-8"))
    example = load(str(_FOLDER / "example.toml"), environ={})

    assert set(document) == set(Settings.model_fields)
    assert set(document["engagement_index"]["national"]) == set(EngagementIndex.model_fields)
    assert set(document["retention"]) == set(Retention.model_fields)
    assert example.retention == Retention()
    assert set(document["region"]) == set(Region.model_fields)
    assert set(document["surge_guard"]) == set(SurgeGuard.model_fields)
    assert example.surge_guard == SurgeGuard()
    assert set(document["console"]) == set(Console.model_fields)
    assert example.console == Console()
    assert set(document["source"][0]) | {"outbox_url"} == set(Source.model_fields)
    for key, field in EngagementIndex.model_fields.items():
        if not field.is_required() and key not in {"client_certificate", "client_key", "ca_bundle"}:
            assert getattr(example.engagement_index["national"], key) == field.default, key
    assert example.warnings == ()


def test_the_lists_beside_it_can_be_read() -> None:
    units = read_care_units(_FOLDER / "care-units.csv")

    assert [unit.active for unit in units.values()] == [True, False]
    assert read_test_residents(_FOLDER / "test-residents.txt") == {"191212121212"}
