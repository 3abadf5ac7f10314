"""Whatever a manifest refers to is there: in the chart, or among what the values say the cluster has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relay.settings import load
from tests.helm.conftest import Manifest, Render, only, pod_of, with_pods
from tests.helm.values import EVERYTHING, LEAST, OTHERWISE, ROOT, of_the_docs


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
    workers = values.get("workers", {}).get("metrics", {}).get("enabled", True)
    metered |= {"workers"} if workers or values.get("serviceMonitor", {}).get("enabled") else set()
    for manifest in manifests:
        kind, spec = manifest["kind"], manifest.get("spec", {})
        if kind == "Deployment":
            assert selected(spec["selector"], pods) == [manifest]
            for spread in pod_of(manifest).get("topologySpreadConstraints", []):
                assert selected(spread["labelSelector"], pods) == [manifest]  # without one it would count nothing
        if kind == "PodDisruptionBudget":
            assert parts(selected(spec["selector"], pods)) == {"workers"}
        if kind == "Service":
            assert parts(selected({"matchLabels": spec["selector"]}, pods)) == parts([manifest])
        if kind == "NetworkPolicy":
            meant = {"metrics": metered, "console": {"console"}}.get(manifest["metadata"]["name"].rpartition("-")[2])
            assert parts(selected(spec["podSelector"], pods)) == (meant or parts(pods))
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
            asked = [probe.get("httpGet") or probe.get("tcpSocket") for probe in probes]
            assert {probe["port"] for probe in asked if probe} <= ports(manifest).keys()
        if kind == "Service":
            for pod in selected({"matchLabels": spec["selector"]}, pods):
                assert {port["targetPort"] for port in spec["ports"]} <= ports(pod).keys()
        if kind == "NetworkPolicy":
            for pod in selected(spec["podSelector"], pods):
                assert {p["port"] for rule in spec.get("ingress", []) for p in rule["ports"]} <= ports(pod).keys()
        if kind == "ServiceMonitor":
            service = only(manifests, "Service", "-exporter")
            assert {e["port"] for e in spec["endpoints"]} <= {p["name"] for p in service["spec"]["ports"]}
        if kind == "PodMonitor":
            for pod in selected(spec["selector"], pods):
                assert {e["port"] for e in spec["podMetricsEndpoints"]} <= ports(pod).keys()


def test_metrics_are_served_on_the_port_that_is_named_so(manifests: list[Manifest]) -> None:
    for manifest in (m for m in with_pods(manifests) if ports(m)):
        (container,) = pod_of(manifest)["containers"]
        told = {variable["name"]: variable.get("value") for variable in container["env"]}
        part = manifest["metadata"]["name"].rpartition("-")[2]
        name, variable = {
            "workers": ("metrics", "WORKER_METRICS_PORT"), "exporter": ("metrics", "EXPORTER_PORT"),
            "console": ("http", "CONSOLE__PORT"),
        }[part]  # fmt: skip
        assert ports(manifest) == {name: int(told[f"EI_RELAY_{variable}"])}


@pytest.mark.parametrize(
    "chosen", [LEAST, EVERYTHING, OTHERWISE, "docs"], ids=["least", "everything", "otherwise", "docs"]
)
def test_the_relay_takes_the_configuration_that_its_pods_mount(
    helm: Any, render: Render, tmp_path: Path, chosen: Any
) -> None:
    # Given the files of a worker's pod, laid out as it mounts them
    values = helm.values_from_yaml(of_the_docs()) if chosen == "docs" else chosen
    manifests = render(values)
    pod = pod_of(only(manifests, "Deployment", "-workers"))
    (container,) = pod["containers"]
    places = {m["name"]: Path(str(tmp_path) + m["mountPath"]) for m in container["volumeMounts"]}
    for place in places.values():
        place.mkdir(parents=True)
    (mounted,) = [volume["configMap"]["name"] for volume in pod["volumes"] if volume["name"] == "config"]
    for name, text in only(manifests, "ConfigMap", mounted)["data"].items():
        (places["config"] / name).write_text(text.replace("/etc/", f"{tmp_path}/etc/"), encoding="utf-8")
    urls = {
        "DATABASE_URL": "postgresql+psycopg://relay:secret@db/relay",
        "BROKER_URL": "rediss://:secret@broker:6379/0?ssl_cert_reqs=required",
        "SOURCE__TIDBOK_NORD__OUTBOX_URL": "postgresql+psycopg://ei_reader:secret@bookings/booking",
    }
    for secret in values["secrets"]:
        (places["secrets"] / secret["setting"]).write_text(urls[secret["setting"]] + "\n")
    environment = {v["name"]: v["value"].replace("/etc/", f"{tmp_path}/etc/") for v in container["env"]}

    # when the relay loads them
    settings = load(environ=environment)

    # then it has what the secrets say, the files beside the configuration, and the chart's ports, and warns of nothing
    assert settings.database_url == urls["DATABASE_URL"]
    assert settings.broker_url == urls["BROKER_URL"]
    assert settings.source[0].care_units == places["config"] / "care-units.csv"
    assert settings.source[0].care_units.is_file()
    assert settings.engagement_index["national"].client_key == places["certificate-national"] / "tls.key"
    assert ports(only(manifests, "Deployment", "-workers")) in ({}, {"metrics": settings.worker_metrics_port})
    assert ports(only(manifests, "Deployment", "-exporter")) == {"metrics": settings.exporter_port}
    assert settings.warnings == ()


def test_the_guide_makes_every_secret_and_key_that_its_values_ask_for(helm: Any) -> None:
    # Given the Secrets that the guide's commands make, with their keys
    guide = (ROOT / "docs" / "install.md").read_text(encoding="utf-8").replace("\\\n", " ")
    made = re.findall(r"create secret generic (\S+)(.*)", guide)
    keys = {(name, key) for name, options in made for key in re.findall(r"--from-(?:literal|file)=([-.\w]+)", options)}
    values = helm.values_from_yaml(of_the_docs())

    # then what its values name is among them: one by one, and as files of a certificate in the configuration
    asked = {(secret["secretName"], secret["key"]) for secret in values["secrets"]}
    for certificate in values["certificates"]:
        files = re.findall(rf"/etc/ei-relay/certificates/{certificate['name']}/([\w.]+)", values["config"])
        asked |= {(certificate["secretName"], file) for file in files}
    assert len(asked) == 6
    assert asked <= keys
