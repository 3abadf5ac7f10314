"""The newcomer's path, walked with what the screen and the runbook say and nothing else: see, break, be told, mend."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import requests

from tests.integration.processes import ROOT
from tests.monitoring.panels import EMPTY_WHEN_WELL, PANELS, asked
from tests.waiting import PATIENCE, wait_for, wait_until

pytestmark = [pytest.mark.promtool, pytest.mark.integration, pytest.mark.heavy]

ACCEPTED = 'sum(rate(ei_relay_calls_total{verdict="accepted"}[10s]))'
LONGEST_WAIT = "max(ei_relay_oldest_pending_seconds)"


class FirstTerminal:
    """`ei-relay demo --dashboard`, and what its screen says."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._screen = folder / "screen"
        with self._screen.open("wb") as screen:
            self.process = subprocess.Popen(
                ["ei-relay", "demo", "--dashboard", "--seconds", "4"], stdout=screen, stderr=screen, env=environment,
                # in a terminal it hears Ctrl-C, also where whoever started the tests has them ignore it
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )  # fmt: skip

    def screen(self) -> str:
        return self._screen.read_text(encoding="utf-8")

    def indented(self, heading: str) -> list[str]:
        """The indented lines under a heading."""
        block = self.screen().split(f"\n{heading}", 1)[1].split("\n\n")[0]
        return [line.strip() for line in block.splitlines() if line.startswith("    ")]

    def address(self, name: str) -> str:
        """The address after this name."""
        return self.addresses()[name]

    def addresses(self) -> dict[str, str]:
        """All that stand under LOOK, by name."""
        lines = [line.rsplit("  ", 1) for line in self.indented("LOOK") if "  http" in line]
        return {name.strip(): address for name, address in lines}

    def query(self, expression: str) -> list[float]:
        """The values that Prometheus gives now."""
        answer = requests.get(self._api("query"), params={"query": expression}, timeout=PATIENCE).json()
        assert answer["status"] == "success", answer
        return [float(series["value"][1]) for series in answer["data"]["result"]]

    def value(self, expression: str) -> float:
        """The only value it gives; for a moment there is none, where a scrape came to nothing."""
        return wait_for(lambda: self.query(expression), f"a value of {expression}")[0]

    def alerts(self) -> set[tuple[str, str]]:
        """(alert, state) of all."""
        alerts = requests.get(self._api("alerts"), timeout=PATIENCE).json()["data"]["alerts"]
        return {(alert["labels"]["alertname"], alert["state"]) for alert in alerts}

    def _api(self, name: str) -> str:
        return urljoin(self.address("alerts"), f"/api/v1/{name}")


class SecondTerminal:
    """A shell with the variables that the screen tells to set."""

    def __init__(self, exports: list[str], environment: dict[str, str]) -> None:
        self._exports = exports
        self._environment = environment

    def run(self, command: str) -> str:
        """What a command prints; it must succeed."""
        done = subprocess.run(
            ["sh", "-c", "\n".join([*self._exports, command])], env=self._environment, capture_output=True, text=True,
            timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A newcomer's, in whose PATH `ei-relay` is this checkout's."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "left").mkdir()
    command = tmp_path / "bin" / "ei-relay"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m relay "$@"\n')
    command.chmod(0o755)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("EI_RELAY_", "COV_"))}
    return inherited | {
        "PATH": f"{command.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path / "left"),
        "PYTHONIOENCODING": "utf-8",
    }  # fmt: skip


@pytest.fixture
def demo(tmp_path: Path, environment: dict[str, str]) -> Iterator[FirstTerminal]:
    """The demo, from where its story has been told and traffic goes on."""
    terminal = FirstTerminal(tmp_path, environment)
    try:
        wait_until(lambda: "\nMEND" in terminal.screen() or terminal.process.poll() is not None, terminal.screen)
        assert terminal.process.poll() is None, terminal.screen()
        yield terminal
    finally:
        if terminal.process.poll() is None:
            terminal.process.terminate()
            terminal.process.wait(PATIENCE)


def test_a_newcomer_sees_it_breaks_the_index_is_alerted_and_mends_it_by_the_runbook(
    tmp_path: Path, demo: FirstTerminal, environment: dict[str, str]
) -> None:
    # Given a relay at work, whose figures the dashboard shows
    second = SecondTerminal([line for line in demo.indented("IN A SECOND") if line.startswith("export")], environment)
    for address in demo.addresses().values():
        assert requests.get(address, timeout=PATIENCE).status_code == 200, address
    for panel in PANELS:
        if panel["title"] not in EMPTY_WHEN_WELL:
            for target in panel["targets"]:
                query = asked(target["expr"], "10s")
                wait_until(lambda query=query: demo.query(query), f"{panel['title']}: {query}")
    wait_until(lambda: demo.value(ACCEPTED) > 0, demo.screen)
    wait_until(lambda: demo.alerts() <= {("EiRelayRowsRejected", "firing")}, demo.screen)  # the screen says why

    # When the index refuses every call
    for command in demo.indented("BREAK"):
        second.run(command)

    # Then the lanes are blocked, and somebody is woken
    wait_until(lambda: len(blocked(second)) == 3, demo.screen)
    wait_until(lambda: ("EiRelayLaneBlocked", "firing") in demo.alerts(), demo.screen)
    wait_until(lambda: "FIRING   EiRelayLaneBlocked" in demo.screen(), demo.screen)
    wait_until(lambda: demo.value(ACCEPTED) == 0 and demo.value(LONGEST_WAIT) > 50, demo.screen)

    # When the cause is gone, and what the runbook says is done
    second.run(demo.indented("MEND")[0])
    for command in runbook("EiRelayLaneBlocked"):
        for lane in blocked(second) if "LANE" in command else [""]:
            second.run(command.replace("LANE", lane))

    # Then the alert is gone, and all that waited is sent
    wait_until(lambda: "EiRelayLaneBlocked" not in {name for name, _ in demo.alerts()}, demo.screen)
    wait_until(lambda: demo.value(ACCEPTED) > 0 and demo.value(LONGEST_WAIT) < 30, demo.screen)
    assert blocked(second) == []
    wrong = [line for line in second.run("ei-relay status").splitlines() if line.startswith("WRONG")]
    assert all("rejected within the hour" in line for line in wrong), wrong  # the story had such a row

    # When it is interrupted, then it ends well within seconds, and nothing is left
    started = descendants(demo.process.pid)
    assert len(started) >= 6, started
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(PATIENCE) == 0, demo.screen()
    wait_until(lambda: not any(is_running(pid) for pid in started), "all of its processes gone")
    assert list((tmp_path / "left").iterdir()) == []


def blocked(terminal: SecondTerminal) -> list[str]:
    """The lanes that are, as `lanes list` names them."""
    lanes: list[dict[str, Any]] = json.loads(terminal.run("ei-relay lanes list --json"))
    return [lane["lane"] for lane in lanes if lane["state"] == "blocked"]


def runbook(alert: str) -> list[str]:
    """The commands in the blocks of an alert's section."""
    section = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8").split(f"\n## {alert}\n")[1].split("\n## ")[0]
    return re.findall(r"^    (ei-relay .+)$", section, re.MULTILINE)


def descendants(pid: int) -> set[int]:
    """All processes that a process has started, and those that these have."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has ended meanwhile
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def is_running(pid: int) -> bool:
    """Whether it is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
