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


def test_service_accounts_ports_and_selectors_meet(manifests: list[Manifest]) -> None:
    accounts = {m["metadata"]["name"] for m in manifests if m["kind"] == "ServiceAccount"} | {"default"}
    pods = [m["spec"]["template"] for m in with_pods(manifests)]
    ports = {p["name"] for pod in pods for c in pod["spec"]["containers"] for p in c.get("ports", [])}
    for manifest in manifests:
        kind, spec = manifest["kind"], manifest.get("spec", {})
        if kind == "Deployment":
            assert pod_of(manifest)["serviceAccountName"] in accounts
        if kind in ("Deployment", "PodDisruptionBudget", "Service", "NetworkPolicy"):
            selector = spec.get("podSelector") or spec["selector"]
            wanted = selector.get("matchLabels", selector).items()
            assert [pod for pod in pods if wanted <= pod["metadata"]["labels"].items()]
        if kind == "Service":
            assert {port["targetPort"] for port in spec["ports"]} <= ports
        if kind == "NetworkPolicy":
            named = [p["port"] for rule in spec.get("ingress", []) for p in rule["ports"]]
            assert set(named) <= ports
        if kind == "ServiceMonitor":
            service = only(manifests, "Service")
            assert spec["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
            assert {e["port"] for e in spec["endpoints"]} <= {p["name"] for p in service["spec"]["ports"]}
        if kind == "PodMonitor":
            workers = pod_of(only(manifests, "Deployment", "-workers"))["containers"][0]
            assert {e["port"] for e in spec["podMetricsEndpoints"]} <= {p["name"] for p in workers["ports"]}
        if kind == "HorizontalPodAutoscaler":
            scaled = only(manifests, "Deployment", "-workers")
            assert spec["scaleTargetRef"]["name"] == scaled["metadata"]["name"]
            assert "replicas" not in scaled["spec"]  # or every upgrade would undo the scaling


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
