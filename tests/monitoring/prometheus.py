"""A Prometheus server that scrapes given ports every second, with the project's rules."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests
import yaml

from tests.integration.processes import wait_until
from tests.monitoring.conftest import RULES


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Prometheus:
    """Use as a context manager; `folder` gets its configuration, data and log."""

    def __init__(self, folder: Path, ports: Sequence[int]) -> None:
        self._url = f"http://127.0.0.1:{free_port()}"
        self._log = folder / "prometheus.log"
        config = folder / "prometheus.yml"
        config.write_text(yaml.safe_dump({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(RULES)],
            "scrape_configs": [
                {"job_name": "ei-relay", "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in ports]}]}
            ],
        }))  # fmt: skip
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}",
                 f"--web.listen-address={self._url.removeprefix('http://')}"], stdout=log, stderr=log,
            )  # fmt: skip

    def get(self, path: str, **parameters: str) -> requests.Response:
        """GET of its API."""
        return requests.get(f"{self._url}/api/v1/{path}", params=parameters, timeout=10)

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The series an expression gives now. Raises AssertionError where it is none."""
        answer = self.get("query", query=expr).json()
        assert answer["status"] == "success", (expr, answer)
        series: list[dict[str, Any]] = answer["data"]["result"]
        return series

    def alerts(self) -> dict[str, str]:
        """{alert: pending or firing}"""
        alerts = self.get("alerts").json()["data"]["alerts"]
        return {alert["labels"]["alertname"]: alert["state"] for alert in alerts}

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            return requests.get(f"{self._url}/-/ready", timeout=2).ok
        except requests.ConnectionError:
            return False

    def __enter__(self) -> Self:
        wait_until(self.is_up, 30, self._log.read_text)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(20)
