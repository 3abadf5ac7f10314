"""The values' schema: what is misspelt or impossible is refused before anything is installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from relay.settings.engagement_index import EngagementIndex
from relay.settings.model import Settings, Source
from tests.helm.values import CHART, EVERYTHING, LEAST, NOTHING, OTHERWISE

SECRET = {"setting": "DATABASE_URL", "secretName": "s", "key": "k"}


def leaves(values: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(path, value) of everything that can be chosen."""
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*path, name))
        else:
            yield (*path, name), value


def test_every_value_is_chosen_otherwise_by_some_value_set() -> None:
    import yaml

    defaults = dict(leaves(yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))))
    chosen = [leaf for values in (LEAST, EVERYTHING, NOTHING, OTHERWISE) for leaf in leaves(values)]
    otherwise = {
        path[:length] for path, value in chosen for length in range(len(path) + 1) if defaults.get(path) != value
    }
    assert set(defaults) <= otherwise


def test_good_values_are_taken(chart: Any, values: dict[str, Any]) -> None:
    chart.validate_schema(values)


def test_the_configuration_is_required(helm: Any, chart: Any) -> None:
    with pytest.raises(helm.HelmError, match="config"):
        chart.render({}, name="nord")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"worker": {"replicas": 2}}, "worker"),
        ({"workers": {"replica": 2}}, "replica"),
        ({"workers": {"replicas": "two"}}, "replicas"),
        ({"workers": {"replicas": -1}}, "replicas"),
        ({"workers": {"terminationGracePeriodSeconds": "90s"}}, "terminationGracePeriodSeconds"),
        ({"workers": {"autoscaling": {"enabled": "yes"}}}, "enabled"),
        ({"workers": {"resources": {"limit": {}}}}, "limit"),
        ({"exporter": {"port": 80}}, "port"),
        ({"exporter": {"port": 65536}}, "port"),
        ({"image": {"pullPolicy": "Sometimes"}}, "pullPolicy"),
        ({"image": {"digest": "latest"}}, "digest"),
        ({"image": {"repository": ""}}, "repository"),
        ({"config": {"environment": "qa"}}, "config"),
        ({"files": {"lists/care-units.csv": "x"}}, "lists/care-units.csv"),
        ({"secrets": [SECRET | {"setting": "EI_RELAY_DATABASE_URL"}]}, "setting"),
        ({"secrets": [SECRET | {"setting": "DATABASE_URL_FILE"}]}, "setting"),
        ({"secrets": [SECRET | {"setting": "SOURCE__NORD__OUTBOX_URL_FILE"}]}, "setting"),
        ({"secrets": [{"setting": "DATABASE_URL"}]}, "secretName"),
        ({"certificates": [{"name": "National", "secretName": "s"}]}, "name"),
        ({"serviceMonitor": {"interval": "often"}}, "interval"),
        ({"networkPolicy": {"ingress": []}}, "ingress"),
        ({"console": {"signIn": {"trustedProxies": ["proxy.example"]}}}, "trustedProxies"),
        ({"console": {"signIn": {"viewer": ["*"]}}}, "viewer"),
    ],
    ids=str,
)
def test_wrong_values_are_refused_by_name(helm: Any, chart: Any, wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(helm.HelmValuesError, match=named):
        chart.validate_schema(LEAST | wrong)


def test_every_setting_that_may_be_secret_can_come_from_a_secret(chart: Any) -> None:
    # Given the names of all settings as variables spell them
    urls = [name.upper() for name in Settings.model_fields if name.endswith("_url")]
    named = [name for name in EngagementIndex.model_fields if not name.endswith("_file")]  # which the chart adds itself
    of_index = [f"ENGAGEMENT_INDEX__NATIONAL__{name.upper()}" for name in named]
    of_source = [f"SOURCE__TIDBOK_NORD__{name.upper()}" for name in Source.model_fields]
    # then the schema takes each
    chart.validate_schema(LEAST | {"secrets": [SECRET | {"setting": name} for name in urls + of_index + of_source]})
