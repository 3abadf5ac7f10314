"""The plugin for vendors' tests, used as they use it: in a run of pytest of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
GUIDE: Final = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)


def run(folder: Path, test: str, *options: str, code: int = 0) -> str:
    """What `pytest OPTIONS` says of a file with this test, in a folder that has nothing else."""
    (folder / "test_ours.py").write_text(test, encoding="utf-8")
    # loaded by its name alone, so that no other plugin has a say; test_package.py has it found by its entry point
    command = [sys.executable, "-m", "pytest", "-p", "relay.pytest_plugin", "-p", "no:cacheprovider", *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "EI_RELAY"))}
    environment |= {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_example_of_the_guide_passes(tmp_path: Path) -> None:
    assert "1 passed" in run(tmp_path, EXAMPLE, "-W", "error")


def test_the_example_fails_where_the_index_holds_otherwise(tmp_path: Path) -> None:
    said = run(tmp_path, EXAMPLE.replace('Post("B-1042", "2098-12-22 09:00")', 'Post("B-1042", "2098-12-24")'), code=1)

    assert "the index does not hold exactly these posts" in said
    assert "differs: content" in said


def test_it_is_inert_until_it_is_used(tmp_path: Path) -> None:
    loaded = """
    import sys

    def test_nothing_is_loaded():
        assert not {"relay.sandbox", "relay.flow", "sqlalchemy", "lxml"} & set(sys.modules)
    """
    said = run(tmp_path, re.sub("^    ", "", loaded, flags=re.MULTILINE))

    assert "1 passed" in said
    assert not [line for line in said.splitlines() if "ei-relay" in line and not line.startswith("plugins:")]


def test_one_index_serves_the_whole_run_where_that_is_asked_for(tmp_path: Path) -> None:
    test = """
import json, os, urllib.request

def posts(url):
    return json.load(urllib.request.urlopen(url.split("/vp/")[0] + "/api/posts"))

def test_one(ei_index, ei_relay):
    assert os.environ["EI_RELAY_PRACTICE_URL"] == ei_index.update_url
    assert posts(ei_index.update_url) == []
    print("was at", ei_index.update_url)

test_two = test_one
"""
    said = run(tmp_path, test, "--ei-relay", "-s")

    assert "2 passed" in said
    (address,) = set(re.findall(r"was at (\S+)", said))
    assert f"calls to {address}" in said
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(address, timeout=5)


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    from relay.testing import PracticeIndex

    with PracticeIndex() as index:
        port = index.url.rpartition(":")[2]
        assert f"port {port} cannot be served" in run(tmp_path, EXAMPLE, f"--ei-relay={port}", code=4)


def test_the_package_says_that_it_is_a_plugin() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '"relay.pytest_plugin" = "relay.pytest_plugin"' in project.split("[project.entry-points.pytest11]")[1]
