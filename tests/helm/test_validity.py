"""The chart is sound, and what it renders is what Kubernetes takes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helm.conftest import Manifest
from tests.helm.values import CHART

CUSTOM = {
    "ServiceMonitor",
    "PodMonitor",
    "PrometheusRule",
}  # the Prometheus operator's own


def test_lint_has_nothing_to_say(helm: Any, values: dict[str, Any]) -> None:
    report = helm.lint(CHART, values, strict=True)

    assert report["errors"] == []
    assert [m for m in report["messages"] if m["error"] != "icon is recommended"] == []


@pytest.mark.parametrize("version", ["1.27", "1.30", "1.37"])
def test_every_manifest_keeps_to_kubernetes_schema(manifests: list[Manifest], version: str) -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed").validate

    # Given the oldest version that the chart takes, and the newest there are schemas of, when a manifest is validated,
    # then it is taken, and it has no unknown key
    checked = [manifest for manifest in manifests if manifest["kind"] not in CUSTOM]
    assert checked
    for manifest in checked:
        validate(manifest, version, strict=True)


def test_no_two_manifests_have_one_name(manifests: list[Manifest]) -> None:
    names = [(m["kind"], m["metadata"]["name"]) for m in manifests]
    assert len(names) == len(set(names))
    assert all(len(name) <= 63 for _, name in names)


def test_long_release_names_are_cut(render: Any) -> None:
    names = [m["metadata"]["name"] for m in render({"config": "x"}, name="a" * 53)]
    assert max(map(len, names)) <= 63


def test_the_notes_name_commands_that_exist(chart: Any, values: dict[str, Any]) -> None:
    from relay.cli.config import config
    from relay.cli.main import _COMMANDS

    (notes,) = [text for path, text in chart.render(values, name="nord").items() if path.endswith("NOTES.txt")]
    assert {"status", "config"} <= set(_COMMANDS)
    assert "-- ei-relay status" in notes
    assert "-- ei-relay config check --connect" in notes
    assert "--connect" in {option for each in config.commands["check"].params for option in each.opts}
