"""Whatever a manifest refers to is there: in the chart, or among what the values say the cluster has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from relay.settings import load
from tests.helm.conftest import Manifest, Render, only, pod_of, with_pods
from tests.helm.values import LEAST


def volume_parts(volume: Manifest) -> Iterator[tuple[str, str, list[str]]]:
    """(kind, name, keys asked for) of whatever a volume takes its files from."""
    if "configMap" in volume:
        yield "ConfigMap", volume["configMap"]["name"], []
    for source in volume.get("projected", {}).get("sources", []):
        if "secret" in source:
            yield "Secret", source["secret"]["name"], [item["key"] for item in source["secret"].get("items", [])]
        if "configMap" in source:
            yield "ConfigMap", source["configMap"]["name"], []


def test_every_volume_comes_from_somewhere(manifests: list[Manifest], values: dict[str, Any]) -> None:
    # Given the ConfigMaps of the chart, and the Secrets and ConfigMaps that the values name
    there = {("ConfigMap", m["metadata"]["name"]) for m in manifests if m["kind"] == "ConfigMap"}
    keys = {(secret["secretName"], secret["key"]) for secret in values.get("secrets", [])}
    there |= {("Secret", name) for name, _ in keys}
    for certificate in values.get("certificates", []):
        there |= {("Secret", certificate["secretName"]), ("ConfigMap", certificate.get("caConfigMapName"))}
    there |= {("ConfigMap", v["configMap"]["name"]) for v in values.get("extraVolumes", [])}
    for manifest in with_pods(manifests):
        for volume in pod_of(manifest)["volumes"]:
            for kind, name, asked in volume_parts(volume):
                # then each that a volume names is among them, with the key
                assert (kind, name) in there
                assert all((name, key) in keys for key in asked)


def test_every_mount_has_its_volume_and_no_sub_path(manifests: list[Manifest]) -> None:
    for manifest in with_pods(manifests):
        pod = pod_of(manifest)
        volumes = [volume["name"] for volume in pod["volumes"]]
        mounts = [mount for container in pod["containers"] for mount in container["volumeMounts"]]
        assert sorted(volumes) == sorted(mount["name"] for mount in mounts)
        assert not [mount for mount in mounts if "subPath" in mount]  # a renewed certificate would never arrive


def test_every_file_of_a_setting_lies_in_a_mount(manifests: list[Manifest]) -> None:
    for manifest in with_pods(manifests):
        pod = pod_of(manifest)
        (container,) = pod["containers"]
        mounted = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        for variable in container["env"]:
            if variable["name"].endswith("_FILE") and variable["name"].startswith("EI_RELAY_"):
                folder, _, file = variable["value"].rpartition("/")
                sources = volumes[mounted[folder]]["projected"]["sources"]
                assert file in [item["path"] for source in sources for item in source["secret"]["items"]]


def selected(selector: Manifest, manifests: list[Manifest]) -> list[Manifest]:
    """Those of the manifests' pods, or else of the manifests themselves, that a label selector takes."""
    assert selector.keys() <= {"matchLabels", "matchExpressions"}

    def takes(labels: dict[str, str]) -> bool:
        expressions = selector.get("matchExpressions", [])
        assert all(each["operator"] == "In" for each in expressions)
        return selector.get("matchLabels", {}).items() <= labels.items() and all(
            labels.get(each["key"]) in each["values"] for each in expressions
        )

    return [m for m in manifests if takes(m.get("spec", {}).get("template", m)["metadata"]["labels"])]


def parts(manifests: list[Manifest]) -> set[str]:
    """Which parts of the relay they are."""
    return {manifest["metadata"]["labels"]["app.kubernetes.io/component"] for manifest in manifests}


def test_selectors_take_the_pods_meant_and_no_others(manifests: list[Manifest], values: dict[str, Any]) -> None:
    pods = with_pods(manifests)
    metered = {"exporter"} if values.get("exporter", {}).get("enabled", True) else set()
    workers = values.get("workers", {}).get("metrics", {}).get("enabled")
    metered |= {"workers"} if workers or values.get("serviceMonitor", {}).get("enabled") else set()
    for manifest in manifests:
        kind, spec = manifest["kind"], manifest.get("spec", {})
        if kind == "Deployment":
            assert selected(spec["selector"], pods) == [manifest]
        if kind == "PodDisruptionBudget":
            assert parts(selected(spec["selector"], pods)) == {"workers"}
        if kind == "Service":
            assert parts(selected({"matchLabels": spec["selector"]}, pods)) == {"exporter"}
        if kind == "NetworkPolicy":
            everyone = not manifest["metadata"]["name"].endswith("-metrics")
            assert parts(selected(spec["podSelector"], pods)) == (parts(pods) if everyone else metered)
        if kind == "ServiceMonitor":
            services = [m for m in manifests if m["kind"] == "Service"]
            assert parts(selected(spec["selector"], services)) == {"exporter"}
        if kind == "PodMonitor":
            assert parts(selected(spec["selector"], pods)) == {"workers"}


def test_what_selects_by_name_finds_it(manifests: list[Manifest], values: dict[str, Any]) -> None:
    accounts = {m["metadata"]["name"] for m in manifests if m["kind"] == "ServiceAccount"}
    accounts |= {values.get("serviceAccount", {}).get("name", "default")}
    for manifest in manifests:
        if manifest["kind"] == "Deployment":
            assert pod_of(manifest)["serviceAccountName"] in accounts
        if manifest["kind"] == "HorizontalPodAutoscaler":
            scaled = only(manifests, "Deployment", "-workers")
            assert manifest["spec"]["scaleTargetRef"] == {
                "apiVersion": scaled["apiVersion"], "kind": scaled["kind"], "name": scaled["metadata"]["name"],
            }  # fmt: skip
            assert "replicas" not in scaled["spec"]  # or every upgrade would undo the scaling


def ports(pod: Manifest) -> dict[str, int]:
    """{name: port} of a manifest's container."""
    (container,) = pod_of(pod)["containers"]
    return {port["name"]: port["containerPort"] for port in container.get("ports", [])}


def test_ports_asked_for_by_name_are_there(manifests: list[Manifest]) -> None:
    pods = with_pods(manifests)
    for manifest in manifests:
        kind, spec = manifest["kind"], manifest.get("spec", {})
        if kind == "Deployment":
            (container,) = pod_of(manifest)["containers"]
            probes = [container[probe] for probe in ("readinessProbe", "livenessProbe")]
            assert {probe["httpGet"]["port"] for probe in probes if "httpGet" in probe} <= ports(manifest).keys()
        if kind == "Service":
            for pod in selected({"matchLabels": spec["selector"]}, pods):
                assert {port["targetPort"] for port in spec["ports"]} <= ports(pod).keys()
        if kind == "NetworkPolicy":
            for pod in selected(spec["podSelector"], pods):
                assert {p["port"] for rule in spec.get("ingress", []) for p in rule["ports"]} <= ports(pod).keys()
        if kind == "ServiceMonitor":
            service = only(manifests, "Service")
            assert {e["port"] for e in spec["endpoints"]} <= {p["name"] for p in service["spec"]["ports"]}
        if kind == "PodMonitor":
            for pod in selected(spec["selector"], pods):
                assert {e["port"] for e in spec["podMetricsEndpoints"]} <= ports(pod).keys()


def test_metrics_are_served_on_the_port_that_is_named_so(manifests: list[Manifest]) -> None:
    for manifest in (m for m in with_pods(manifests) if ports(m)):
        (container,) = pod_of(manifest)["containers"]
        told = {variable["name"]: variable.get("value") for variable in container["env"]}
        variable = "WORKER_METRICS_PORT" if manifest["metadata"]["name"].endswith("-workers") else "EXPORTER_PORT"
        assert ports(manifest) == {"metrics": int(told[f"EI_RELAY_{variable}"])}


def test_the_relay_takes_the_configuration_that_its_pods_mount(render: Render, tmp_path: Path) -> None:
    # Given the files of a worker's pod, laid out as it mounts them
    manifests = render(LEAST | {"workers": {"metrics": {"enabled": True}}})
    pod = pod_of(only(manifests, "Deployment", "-workers"))
    (container,) = pod["containers"]
    places = {m["name"]: Path(str(tmp_path) + m["mountPath"]) for m in container["volumeMounts"]}
    for place in places.values():
        place.mkdir(parents=True)
    for name, text in only(manifests, "ConfigMap", "nord-ei-relay")["data"].items():
        (places["config"] / name).write_text(text.replace("/etc/", f"{tmp_path}/etc/"), encoding="utf-8")
    (places["secrets"] / "DATABASE_URL").write_text("postgresql+psycopg://relay:secret@db/relay\n")
    (places["secrets"] / "BROKER_URL").write_text("rediss://:secret@broker:6379/0\n")
    environment = {v["name"]: v["value"].replace("/etc/", f"{tmp_path}/etc/") for v in container["env"]}

    # when the relay loads them
    settings = load(environ=environment)

    # then it has what the secrets say, the files beside the configuration, and the chart's ports, and warns of nothing
    assert settings.database_url == "postgresql+psycopg://relay:secret@db/relay"
    assert settings.broker_url == "rediss://:secret@broker:6379/0"
    assert settings.source[0].care_units == places["config"] / "care-units.csv"
    assert settings.engagement_index["national"].client_key == places["certificate-national"] / "tls.key"
    assert (settings.exporter_port, settings.worker_metrics_port) == (9464, 9465)
    assert settings.warnings == ()
