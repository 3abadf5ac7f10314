"""A throw-away Prometheus server, from the system's binary: it scrapes given ports and evaluates given rules."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import urllib3

from relay.demo.processes import Process
from relay.demo.throwaway import NoBinariesError, ThrowAway, free_port

_ANSWERS_WITHIN: Final = 10.0  # seconds


def find_binary() -> str:
    """The server's path. Raises NoBinariesError."""
    installed = shutil.which("prometheus")
    if installed is None:
        raise NoBinariesError(
            "Prometheus was not found: apt install --no-install-recommends prometheus, "
            "or put the binary from https://prometheus.io/download/ on PATH"
        )
    return installed


class Alert(NamedTuple):
    """An alert that is `pending` or `firing`, for one set of labels."""

    name: str
    state: str
    summary: str
    runbook: str


class Prometheus(ThrowAway):
    """One server on 127.0.0.1. `folder` gets its configuration, data and log; all is looked at every `seconds`."""

    def __init__(self, folder: Path, ports: Sequence[int], rules: Path, seconds: int = 1) -> None:
        """Raises NoBinariesError."""
        address = f"127.0.0.1:{free_port()}"
        self.url = f"http://{address}"
        self._http = urllib3.PoolManager(timeout=_ANSWERS_WITHIN, retries=False)
        self._process: Process | None = None
        self._log = folder / "prometheus.log"
        config = folder / "prometheus.yml"
        config.write_text(json.dumps({  # JSON is YAML
            "global": {"scrape_interval": f"{seconds}s", "evaluation_interval": f"{seconds}s"},
            "rule_files": [str(rules)],
            "scrape_configs": [
                {"job_name": "ei-relay", "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in ports]}]}
            ],
        }))  # fmt: skip
        self._command = [
            find_binary(), f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address={address}", f"--web.external-url={self.url}/",
        ]  # fmt: skip

    def check(self) -> None:
        """Raise StartFailed if it has ended."""
        if self._process is not None:
            self._process.check()

    def get(self, path: str, **parameters: str) -> Any:
        """The data that its API answers. Raises RuntimeError where it is none, urllib3's HTTPError where it is away."""
        answer = self._http.request("GET", f"{self.url}/api/v1/{path}", fields=parameters).json()
        if answer["status"] != "success":
            raise RuntimeError(f"Prometheus refuses {parameters}: {answer}")
        return answer["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression gives now."""
        series: list[dict[str, Any]] = self.get("query", query=expression)["result"]
        return series

    def alerts(self) -> list[Alert]:
        """The alerts that wait to fire, and those that do."""
        return [
            Alert(each["labels"]["alertname"], each["state"], told.get("summary", ""), told.get("runbook", ""))
            for each in self.get("alerts")["alerts"]
            for told in [each["annotations"]]
        ]

    def page(self, name: str) -> str:
        """The address of its page `alerts` or `graph`; Debian's package has the classic pages only."""
        is_modern = self._http.request("GET", f"{self.url}/alerts").status == 200
        return f"{self.url}/{name}" if is_modern else f"{self.url}/classic/{name}"

    def start(self, timeout: float = 60) -> Self:
        """Start, and wait until it answers; at most `timeout` seconds. Raises StartFailed."""
        self._process = Process("Prometheus", self._command, self._log, os.environ)
        self._process.wait_for(self._readiness, timeout)
        return self

    def _readiness(self) -> bool | None:
        try:
            return self._http.request("GET", f"{self.url}/-/ready").status == 200 or None
        except urllib3.exceptions.HTTPError:
            return None

    def close(self) -> None:
        """Stop it."""
        self._http.clear()
        if self._process is not None:
            self._process.stop()
