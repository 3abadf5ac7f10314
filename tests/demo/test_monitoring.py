"""What `--dashboard` needs, and what is said where it is not there."""

from __future__ import annotations

import subprocess
import sys

import pytest
import requests

from relay.demo.monitoring import CHECKOUT, CannotWatch, require, serving


def test_without_prometheus_the_command_says_how_to_have_it_before_anything_starts(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "relay", "demo", "--dashboard"], cwd=tmp_path, capture_output=True, text=True,
        env={"PATH": str(tmp_path), "PYTHONPATH": str(CHECKOUT), "TMPDIR": str(tmp_path)}, timeout=30, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "apt install --no-install-recommends prometheus" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_installation_without_the_alerts_says_how_to_have_them(tmp_path):
    with pytest.raises(CannotWatch, match=r"install the wheel that `./run build` makes"):
        require(tmp_path)


def test_the_dashboards_page_is_served_whatever_it_is_asked_with(tmp_path):
    (tmp_path / "index.html").write_text("<p>the page</p>")

    with serving(tmp_path) as address:
        answer = requests.get(f"{address}/?prometheus=http://127.0.0.1:9090", timeout=10)

    assert (answer.status_code, answer.text) == (200, "<p>the page</p>")
