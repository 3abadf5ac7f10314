"""What the screen tells to type does what it says."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from relay.demo.directions import NOT_AUTHORISED, Sights, directions
from relay.sandbox.server import Sandbox

CONFIG = Path("/tmp/it's here/relay.toml")


def sights(sandbox: str = "http://sandbox", dashboard: str | None = None) -> Sights:
    return Sights(dashboard, "http://p", "http://p/alerts", "http://p/graph", "http://e", "http://w", sandbox)


def command_after(heading: str, lines: list[str]) -> str:
    """The first indented line after a heading."""
    after = lines[next(place for place, line in enumerate(lines) if line.startswith(heading)) :]
    return next(line.strip() for line in after if line.startswith("    "))


@pytest.mark.parametrize("curl", [True, False], ids=["with curl", "without curl"])
def test_the_commands_order_the_answer_and_withdraw_it(tmp_path, monkeypatch, curl):
    if curl and shutil.which("curl") is None:
        pytest.skip("there is no curl here")
    if curl:
        (tmp_path / "curl").symlink_to(shutil.which("curl"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with Sandbox() as sandbox:
        lines = directions(CONFIG, sights(sandbox.url))

        subprocess.run(["/bin/sh", "-c", command_after("BREAK", lines)], check=True, timeout=20)

        (order,) = sandbox.core.active_orders()
        assert order == NOT_AUTHORISED | {"left": None}

        subprocess.run(["/bin/sh", "-c", command_after("MEND", lines)], check=True, timeout=20)

        assert sandbox.core.active_orders() == []


def test_the_configuration_is_named_as_a_shell_reads_it():
    export = command_after("IN A SECOND", directions(CONFIG, sights()))

    done = subprocess.run(
        ["sh", "-c", f"{export}\nprintenv EI_RELAY_CONFIG"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(CONFIG)


@pytest.mark.parametrize(
    ("tools", "dashboard", "told"),
    [
        ([], "http://d/?prometheus=http://p", "http://d/?prometheus=http://p"),
        (["node", "npm"], None, "`./run picture`"),
        ([], None, "config/grafana/ei-relay.json"),
    ],
    ids=["built", "can be built", "cannot be built"],
)
def test_the_way_to_the_dashboard_is_told_as_far_as_it_goes_here(tmp_path, monkeypatch, tools, dashboard, told):
    for tool in tools:
        (tmp_path / tool).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert told in command_after("LOOK", directions(CONFIG, sights(dashboard=dashboard)))
