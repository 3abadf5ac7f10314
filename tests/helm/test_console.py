"""The console in a cluster: off by default, behind a proxy that signs people in, and reached by nobody else."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from relay.console.serving import refusal
from relay.settings import load
from relay.settings.console import Console
from tests.helm.conftest import Manifest, Render, only, pod_of
from tests.helm.values import CONFIG, EVERYTHING, LEAST, OTHERWISE


def of_console(manifests: list[Manifest]) -> list[Manifest]:
    return [m for m in manifests if m["metadata"]["labels"].get("app.kubernetes.io/component") == "console"]


def test_it_is_off_by_default(render: Render) -> None:
    assert of_console(render(LEAST)) == []


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("trustedProxies", [], "name the addresses of the proxy that signs people in"),
        ("groups", [], "name the groups that may look"),
        ("from", [], "name the proxy's pods"),
    ],
)
def test_without_sign_in_it_is_not_installed(helm: Any, render: Render, key: str, value: list[str], said: str) -> None:
    values = deepcopy(EVERYTHING)
    place = values["console"] if key == "from" else values["console"]["signIn"]
    for name in ("viewers", "support", "operators") if key == "groups" else (key,):
        place[name] = value
    with pytest.raises(helm.HelmError, match=said):
        render(values)
    assert of_console(render(EVERYTHING))


@pytest.mark.parametrize("values", [EVERYTHING, OTHERWISE], ids=["everything", "otherwise"])
def test_the_relay_takes_what_it_is_told_there(render: Render, values: dict[str, Any], tmp_path: Path) -> None:
    # Given the variables of its pod
    (container,) = pod_of(only(of_console(render(values)), "Deployment"))["containers"]
    told = {v["name"]: v["value"] for v in container["env"] if v["name"].startswith("EI_RELAY_CONSOLE")}
    (tmp_path / "relay.toml").write_text(CONFIG.replace('"care-units.csv"', '"*"'), encoding="utf-8")
    # when the relay reads them
    settings = load(str(tmp_path / "relay.toml"), told | {"EI_RELAY_DATABASE_URL": "sqlite:///relay.db"})
    # then it serves the page there, to whom the values say
    console, asked = settings.console, {"userHeader": "X-Forwarded-User"} | values["console"]["signIn"]
    assert refusal(console.host, console) is None
    assert console.port == values["console"].get("port", Console().port)
    assert console.user_header == asked["userHeader"]
    assert list(console.operators) == asked["operators"]
    assert len(console.trusted_proxies) == len(asked["trustedProxies"])
    assert settings.warnings == ()


def test_nobody_but_its_proxy_reaches_it(render: Render) -> None:
    policy = only(of_console(render(EVERYTHING)), "NetworkPolicy")
    (rule,) = policy["spec"]["ingress"]
    assert rule == {"ports": [{"protocol": "TCP", "port": "http"}], "from": EVERYTHING["console"]["from"]}


def test_a_form_comes_back_to_the_process_that_made_it(render: Render) -> None:
    for values, affinity in ((EVERYTHING, None), (OTHERWISE, "ClientIP")):
        assert only(of_console(render(values)), "Service")["spec"].get("sessionAffinity") == affinity
