"""Prometheus itself: its rule checker, and a server that scrapes."""

from __future__ import annotations

import shutil
import subprocess
import warnings
from pathlib import Path

import pytest

CONFIG = Path(__file__).parents[2] / "config"
RULES = CONFIG / "prometheus" / "ei-relay.rules.yml"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what asks Prometheus where it is not there, in words nobody overlooks."""
    if shutil.which("promtool") and shutil.which("prometheus"):
        return
    reason = "Prometheus is NOT INSTALLED, so neither alerts nor dashboard are tested: apt install prometheus"
    marked = [item for item in items if item.get_closest_marker("promtool")]
    for item in marked:
        item.add_marker(pytest.mark.skip(reason=reason))
    if marked:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn(reason, stacklevel=1)


def promtool(*arguments: str, text: str | None = None) -> str:
    """What `promtool ARGUMENTS` says; it must be content."""
    done = subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
