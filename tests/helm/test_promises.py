"""What the chart promises beside being valid: safe pods, orderly stops, one set of rules and dashboards."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from relay.settings.engagement_index import EngagementIndex
from relay.settings.model import Settings
from tests.helm.conftest import Manifest, Render, only, pod_of, with_pods
from tests.helm.values import CHART, CONFIG, EVERYTHING, LEAST, NOTHING, ROOT


def test_pods_have_no_rights(manifests: list[Manifest]) -> None:
    for manifest in with_pods(manifests):
        pod = pod_of(manifest)
        (container,) = pod["containers"]
        assert pod["enableServiceLinks"] is False
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize(
    ("run_as", "ids"),
    [
        ({}, {"runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001}),
        ({"user": 1000680000}, {"runAsUser": 1000680000, "runAsGroup": 10001, "fsGroup": 10001}),
        ({"user": None, "group": None, "fsGroup": None}, {}),  # OpenShift refuses a pod that chooses for itself
        (None, {}),
    ],
)
def test_a_platform_may_choose_the_user(render: Render, run_as: dict[str, Any] | None, ids: dict[str, int]) -> None:
    for manifest in with_pods(render(LEAST | {"runAs": run_as})):
        context = pod_of(manifest)["securityContext"]
        assert context == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}} | ids


def test_deployments_are_probed(manifests: list[Manifest]) -> None:
    for manifest in with_pods(manifests):
        if manifest["kind"] == "Deployment":
            (container,) = pod_of(manifest)["containers"]
            assert {"readinessProbe", "livenessProbe"} <= container.keys()


def test_the_probes_read_the_file_that_the_workers_touch(render: Render) -> None:
    variable = "WORKER_PULSE_FILE"
    assert variable in (ROOT / "relay" / "celery_app" / "pulse.py").read_text(encoding="utf-8")
    for part in ("-workers", "-beat"):
        (container,) = pod_of(only(render(LEAST), "Deployment", part))["containers"]
        (path,) = [v["value"] for v in container["env"] if v["name"] == variable]
        for probe in ("readinessProbe", "livenessProbe"):
            assert path in container[probe]["exec"]["command"][-1].replace('"', " ").split()


def test_the_default_ports_are_the_relay_s(render: Render) -> None:
    (port,) = only(render(LEAST), "Service")["spec"]["ports"]
    assert port["port"] == Settings.model_fields["exporter_port"].default
    assert worker_port(render(LEAST)) == str(Settings.model_fields["worker_metrics_port"].default)


def worker_port(manifests: list[Manifest]) -> str:
    """Where the workers are told to serve what they count."""
    (container,) = pod_of(only(manifests, "Deployment", "-workers"))["containers"]
    (port,) = [v["value"] for v in container["env"] if v["name"] == "EI_RELAY_WORKER_METRICS_PORT"]
    served = [str(each["containerPort"]) for each in container.get("ports", [])]
    assert served == ([] if port == "0" else [port])
    return str(port)


def test_workers_that_shall_not_serve_what_they_count_are_told_so(render: Render) -> None:
    off = LEAST | {"workers": {"metrics": {"enabled": False}}}
    assert worker_port(render(off)) == "0"
    assert worker_port(render(off | {"serviceMonitor": {"enabled": True}})) == "9465"


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        ("", 120), ('call_timeout = "5s"', 120), ('call_timeout = "2m"', 150), ('call_timeout="90.5s"', 121),
        ('"call_timeout" = "1h"', 3630), ('# call_timeout = "1h"', 120), ('call_timeout = "1d"', 86430),
        ("other = {url = 'x', call_timeout = '2m'}", 150), ('engagement_index.other.call_timeout = "2m"', 150),
    ],
)  # fmt: skip
def test_workers_get_the_longest_call_and_30_s_to_stop(render: Render, line: str, seconds: int) -> None:
    values = LEAST | {"config": CONFIG.replace("[[source]]", f"{line}\n[[source]]")}
    pod = pod_of(only(render(values), "Deployment", "-workers"))
    assert pod["terminationGracePeriodSeconds"] == seconds


def test_the_default_call_timeout_is_the_relay_s(render: Render) -> None:
    default = EngagementIndex.model_fields["call_timeout"].default.total_seconds()
    assert pod_of(only(render(LEAST), "Deployment", "-workers"))["terminationGracePeriodSeconds"] == default + 30


def test_a_stop_that_would_kill_calls_is_refused(helm: Any, render: Render) -> None:
    with pytest.raises(helm.HelmError, match="expected more than 100"):
        render(LEAST | {"workers": {"terminationGracePeriodSeconds": 100}})
    assert render(LEAST | {"workers": {"terminationGracePeriodSeconds": 101}})


def test_labels_of_one_kind_go_over_those_of_all(render: Render) -> None:
    manifests = render(LEAST | {
        "commonLabels": {"team": "booking", "region": "nord"},
        "serviceMonitor": {"enabled": True, "labels": {"team": "watch"}},
    })  # fmt: skip
    watched = only(manifests, "ServiceMonitor")["metadata"]["labels"]
    assert (watched["team"], watched["region"]) == ("watch", "nord")
    assert only(manifests, "Deployment", "-workers")["metadata"]["labels"]["team"] == "booking"


@pytest.mark.parametrize("name", ["app.kubernetes.io/name", "app.kubernetes.io/component", "helm.sh/chart"])
def test_a_label_of_the_chart_s_own_is_refused(helm: Any, render: Render, name: str) -> None:
    with pytest.raises(helm.HelmError, match=f"labels: {name} is the chart's own"):
        render(LEAST | {"commonLabels": {name: "mine"}})


def test_fewer_workers_at_most_than_at_least_are_refused(helm: Any, render: Render) -> None:
    with pytest.raises(helm.HelmError, match=r"maxReplicas \(2\) must not be less than minReplicas \(3\)"):
        render(LEAST | {"workers": {"autoscaling": {"enabled": True, "minReplicas": 3, "maxReplicas": 2}}})
    keda = {"enabled": True, "serverAddress": "http://prometheus:9090"}
    with pytest.raises(helm.HelmError, match=r"workers\.keda: maxReplicas \(2\) must not be less"):
        render(LEAST | {"workers": {"keda": keda | {"minReplicas": 3, "maxReplicas": 2}}})
    with pytest.raises(helm.HelmError, match="autoscaling and keda would both"):
        render(LEAST | {"workers": {"keda": keda, "autoscaling": {"enabled": True}}})
    with pytest.raises(helm.HelmError, match="the address of Prometheus"):
        render(LEAST | {"workers": {"keda": {"enabled": True}}})


def test_the_workers_can_be_scaled_by_how_long_changes_wait(render: Render) -> None:
    for value, target in (
        ("", {"type": "AverageValue", "averageValue": "500"}), ("300", {"type": "Value", "value": "300"})
    ):  # fmt: skip
        values = LEAST | {"workers": {"autoscaling": {"enabled": True, "value": value}}}
        (metric,) = only(render(values), "HorizontalPodAutoscaler")["spec"]["metrics"]
        assert metric["external"]["target"] == target


def test_where_keda_finds_no_metric_the_workers_are_as_many_as_the_fallback_says(render: Render) -> None:
    """By default an absent metric counts as 0 for it: it would take workers away while nobody can see."""
    manifests = render(LEAST | {"workers": {"keda": {"enabled": True, "serverAddress": "http://prometheus:9090"}}})
    spec = only(manifests, "ScaledObject")["spec"]
    (trigger,) = spec["triggers"]
    assert trigger["metadata"]["ignoreNullValues"] == "false"
    assert trigger["metricType"] == "AverageValue", "of no other kind is there a fallback"
    assert spec["fallback"] == {"failureThreshold": 3, "replicas": 2}
    assert "replicas" not in only(manifests, "Deployment", "-workers")["spec"], "an upgrade would set them back"


def test_a_secret_of_a_store_is_there_before_the_migrations_and_outlives_an_upgrade(render: Render) -> None:
    secrets = [m for m in render(EVERYTHING) if m["kind"] == "ExternalSecret"]
    (job,) = [m for m in render(EVERYTHING) if m["kind"] == "Job"]
    for secret in secrets:
        hook = secret["metadata"]["annotations"]
        assert hook["helm.sh/hook"] == job["metadata"]["annotations"]["helm.sh/hook"]
        assert int(hook["helm.sh/hook-weight"]) < int(job["metadata"]["annotations"]["helm.sh/hook-weight"])
        assert hook["helm.sh/hook-delete-policy"] == "before-hook-creation"
        assert secret["spec"]["target"]["creationPolicy"] == "Orphan", "it goes with its owner else"
    (plain,) = [
        m for m in render(NOTHING | {"externalSecrets": EVERYTHING["externalSecrets"][:1]})
        if m["kind"] == "ExternalSecret"
    ]  # fmt: skip
    assert "annotations" not in plain["metadata"]
    assert plain["spec"]["target"]["creationPolicy"] == "Owner"


def test_two_workers_are_not_put_on_one_node_without_need(render: Render) -> None:
    spreads = pod_of(only(render(LEAST), "Deployment", "-workers"))["topologySpreadConstraints"]
    assert [spread["topologyKey"] for spread in spreads] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    assert {spread["whenUnsatisfiable"] for spread in spreads} == {"ScheduleAnyway"}
    own = {"maxSkew": 1, "topologyKey": "x", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {}}}
    chosen = render(LEAST | {"workers": {"topologySpreadConstraints": [own]}})
    assert pod_of(only(chosen, "Deployment", "-workers"))["topologySpreadConstraints"] == [own]


def test_helm_test_asks_whether_everything_answers(render: Render) -> None:
    check = only(render(LEAST), "Pod")
    assert check["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert pod_of(check)["containers"][0]["args"] == ["ei-relay", "config", "check", "--connect"]
    worker = pod_of(only(render(LEAST), "Deployment", "-workers"))
    assert pod_of(check)["containers"][0]["volumeMounts"] == worker["containers"][0]["volumeMounts"]
    assert pod_of(check)["restartPolicy"] == "Never"


@pytest.mark.parametrize("name", ["EI_RELAY_EXPORTER_PORT", "WORKER_PULSE_FILE", "EI_RELAY_CONSOLE__HOST"])
def test_a_variable_of_the_chart_s_own_is_refused(helm: Any, render: Render, name: str) -> None:
    with pytest.raises(helm.HelmError, match=f"extraEnv: {name} is the chart's own"):
        render(LEAST | {"extraEnv": [{"name": name, "value": "1"}]})


def test_changed_configuration_restarts_the_pods(render: Render) -> None:
    def checksums(config: str) -> set[str]:
        deployments = [m for m in render(LEAST | {"config": config}) if m["kind"] == "Deployment"]
        return {d["spec"]["template"]["metadata"]["annotations"]["checksum/config"] for d in deployments}

    assert len(checksums(CONFIG) | checksums(CONFIG + "# another\n")) == 2


def test_migrations_run_before_anything_else_with_the_same_configuration(render: Render) -> None:
    manifests = render(LEAST)
    job, config = only(manifests, "Job"), only(manifests, "ConfigMap", "-migrations")

    # Given that before an install nothing of the chart is there but hooks, the job refers to hooks only
    for hook in (job, config):
        assert hook["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    order = [int(hook["metadata"]["annotations"]["helm.sh/hook-weight"]) for hook in (config, job)]
    assert order == sorted(set(order))
    assert pod_of(job).get("serviceAccountName") is None
    assert [v["configMap"]["name"] for v in pod_of(job)["volumes"] if "configMap" in v] == [config["metadata"]["name"]]
    assert config["data"] == only(manifests, "ConfigMap", "nord-ei-relay")["data"]
    assert pod_of(job)["containers"][0]["args"] == ["ei-relay", "db", "upgrade"]


def test_the_network_is_closed_but_for_metrics(render: Render) -> None:
    policies = [m for m in render(LEAST) if m["kind"] == "NetworkPolicy"]
    everyone = only(policies, "NetworkPolicy", "nord-ei-relay")
    assert everyone["spec"]["policyTypes"] == ["Ingress"]
    assert "ingress" not in everyone["spec"]
    limited = only([m for m in render(EVERYTHING) if m["kind"] == "NetworkPolicy"], "NetworkPolicy", "nord-ei-relay")
    assert limited["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert {port["port"] for rule in limited["spec"]["egress"] for port in rule["ports"]} == {53, 5432}


def texts(folder: Path, pattern: str) -> dict[str, str]:
    """{name: text} of a folder's files, none if there is no such folder."""
    return {path.name: path.read_text(encoding="utf-8") for path in folder.glob(pattern)}


@pytest.mark.parametrize(("kind", "pattern"), [("prometheus", "*.rules.yml"), ("grafana", "*.json")])
def test_the_chart_has_the_rules_and_dashboards_of_config(kind: str, pattern: str) -> None:
    """Helm reads no file outside a chart, so it has copies: `./run chart` makes them."""
    assert texts(CHART / "files" / kind, "*") == texts(ROOT / "config" / kind, pattern)


def test_every_rule_and_dashboard_is_rendered_as_it_is(helm: Any, tmp_path: Path) -> None:
    import yaml

    # Given a chart with a rule and a dashboard that hold what Helm might take for its own
    rule = 'groups:\n  - name: a\n    rules:\n      - {alert: A, expr: up, annotations: {x: "{{ $labels.job }}"}}\n'
    dashboard = '{\n  "title": "{{ source }}"\n}'
    shutil.copytree(CHART, tmp_path / "chart", ignore=shutil.ignore_patterns("files"))
    for name, text in {"prometheus/ei.rules.yml": rule, "grafana/ei.json": dashboard}.items():
        path = tmp_path / "chart" / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    # when it is rendered
    with helm.Chart.load(tmp_path / "chart") as chart:
        text = chart.render(EVERYTHING, name="nord")["ei-relay/templates/monitoring.yaml"]
    rendered = [manifest for manifest in yaml.safe_load_all(text) if manifest]

    # then both are there, unchanged
    assert only(rendered, "PrometheusRule")["spec"] == yaml.safe_load(rule)
    assert json.loads(only(rendered, "ConfigMap")["data"]["ei.json"]) == json.loads(dashboard)
