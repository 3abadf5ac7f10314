"""The chart is sound, and what it renders is what Kubernetes takes."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.helm.conftest import Manifest, Render, pod_of
from tests.helm.values import CHART, EVERYTHING, EXTERNAL_SECRET, OTHERWISE

OPERATORS = {  # kinds of operators' own, and who has their schemas
    "monitoring.coreos.com/v1": "cloudcoil.models.prometheus_operator.v1",
    "keda.sh/v1alpha1": "cloudcoil.models.keda.v1alpha1",
}
EXTERNAL_SECRETS = "external-secrets.io/v1"
NEWEST = "1.37"  # that there are schemas of


def test_lint_has_nothing_to_say(helm: Any, values: dict[str, Any]) -> None:
    report = helm.lint(CHART, values, strict=True)

    assert report["errors"] == []
    assert [m for m in report["messages"] if m["error"] != "icon is recommended"] == []


def check(manifest: Manifest, version: str = NEWEST) -> None:
    """Refuse a manifest that a cluster would refuse, and one with keys or of a kind that it would not know."""
    if manifest["apiVersion"] == EXTERNAL_SECRETS:
        assert manifest["kind"] == "ExternalSecret"
        jsonschema = pytest.importorskip("jsonschema", reason="ExternalSecrets are NOT validated: no jsonschema")
        jsonschema.validate(manifest["spec"], EXTERNAL_SECRET)
        return
    if manifest["apiVersion"] not in OPERATORS:
        kubernetes = pytest.importorskip("kubernetes_validate", reason="manifests are NOT validated: no schemas")
        assert kubernetes.validate(manifest, version, strict=True) == version
        return
    reason = f"what is of {manifest['apiVersion']} is NOT validated: no schemas"
    operator = pytest.importorskip(OPERATORS[manifest["apiVersion"]], reason=reason)
    read = getattr(operator, manifest["kind"]).model_validate(manifest)
    assert read.model_dump(mode="json", by_alias=True, exclude_unset=True) == manifest  # a key it ignores is lost


@pytest.mark.parametrize("version", ["1.27", "1.30", NEWEST])
def test_every_manifest_is_one_that_kubernetes_takes(manifests: list[Manifest], version: str) -> None:
    # Given the oldest version that the chart takes, and the newest there are schemas of
    for manifest in manifests:
        check(manifest, version)


def test_with_everything_on_there_is_every_kind(render: Render) -> None:
    assert {manifest["kind"] for manifest in render(EVERYTHING)} == {
        "ConfigMap", "Deployment", "HorizontalPodAutoscaler", "Job", "NetworkPolicy", "Pod", "PodDisruptionBudget",
        "PodMonitor", "PrometheusRule", "Service", "ServiceAccount", "ServiceMonitor", "ExternalSecret",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("Deployment", {"kind": "Deploiment"}),
        ("Deployment", {"apiVersion": "apps/v2"}),
        ("Deployment", {"apiVersion": "monitoring.coreos.com/v1"}),
        ("Service", {"spec": {"ports": [{"port": 80, "targetport": 80}]}}),
        ("ServiceMonitor", {"kind": "ServisMonitor"}),
        ("ServiceMonitor", {"apiVersion": "monitoring.coreos.com/v2"}),
        ("ServiceMonitor", {"spec": {"selector": {}, "endpoints": [{"port": "metrics", "intervall": "30s"}]}}),
        ("ServiceMonitor", {"spec": {"selector": {}, "endpoints": [{"port": "metrics", "interval": "often"}]}}),
        ("PodMonitor", {"spec": {"selector": {}, "endpoints": []}}),
        ("ExternalSecret", {"kind": "ExternSecret"}),
        ("ExternalSecret", {"spec": {"secretStoreRef": {"name": "vault"}, "dato": []}}),
        ("ExternalSecret", {"spec": {"secretStoreRef": {"name": "vault", "kind": "Store"}}}),
        ("ExternalSecret", {"spec": {"data": [{"secretKey": "a", "remoteRef": {"property": "b"}}]}}),
        ("PrometheusRule", {"spec": {"groups": [{"name": "a", "rules": [{"alert": "A", "exp": "up"}]}]}}),
        ("PrometheusRule", {"spec": {"groups": [{"name": "a", "rules": [{"expr": "up", "for": "long"}]}]}}),
    ],
    ids=str,
)
def test_what_kubernetes_would_refuse_is_refused_here(render: Render, kind: str, change: Manifest) -> None:
    (manifest, *_) = [m for m in render(EVERYTHING) if m["kind"] == kind]
    check(manifest)
    with pytest.raises(Exception):  # noqa: B017 - two libraries, each with errors of its own
        check(manifest | change)


@pytest.mark.parametrize(
    "change",
    [
        {"triggers": [{"type": "prometheus"}]},
        {"triggers": [{"metadata": {}}]},
        {"minReplicas": 2},
        {"fallback": {"replicas": 2}},
        {"scaleTargetRef": {"kind": "Deployment"}},
    ],
    ids=str,
)
def test_what_keda_would_refuse_is_refused_here(render: Render, change: Manifest) -> None:
    (manifest,) = [m for m in render(OTHERWISE) if m["kind"] == "ScaledObject"]
    check(manifest)
    with pytest.raises(Exception):  # noqa: B017 - as above
        check(manifest | {"spec": manifest["spec"] | change})


def test_names_and_labels_are_ones_that_kubernetes_takes(manifests: list[Manifest]) -> None:
    """No schema says so: an API server does."""
    for manifest in manifests:
        templates = [manifest["spec"]["template"]["metadata"]] if "template" in manifest.get("spec", {}) else []
        assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", manifest["metadata"]["name"])
        for labels in (metadata["labels"] for metadata in (manifest["metadata"], *templates)):
            for name, value in labels.items():
                assert re.fullmatch(r"([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", name)
                assert re.fullmatch(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?", value)


def test_no_two_manifests_have_one_name(manifests: list[Manifest]) -> None:
    names = [(m["kind"], m["metadata"]["name"]) for m in manifests]
    assert len(names) == len(set(names))
    assert all(len(name) <= 63 for _, name in names)


def test_it_can_be_applied_server_side(manifests: list[Manifest]) -> None:
    """A server merges these lists by a key: where one comes twice, or is missing, it refuses the manifest."""
    for manifest in manifests:
        spec = manifest.get("spec", {})
        lists = {"ports": spec.get("ports", [])} if manifest["kind"] == "Service" else {}
        if "containers" in spec or "template" in spec:
            pod = pod_of(manifest)
            (container,) = pod["containers"]
            lists |= {"volumes": pod["volumes"], "env": container["env"], "ports": container.get("ports", [])}
            paths = [mount["mountPath"] for mount in container["volumeMounts"]]
            assert len(paths) == len(set(paths))
            spreads = pod.get("topologySpreadConstraints", [])
            assert len({(s["topologyKey"], s["whenUnsatisfiable"]) for s in spreads}) == len(spreads)
        for items in lists.values():
            names = [item["name"] for item in items]
            assert len(names) == len(set(names))


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
