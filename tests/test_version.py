"""One version, wherever it is told, with notes for whoever upgrades to it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import relay

ROOT = Path(__file__).parents[1]


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    chart = (ROOT / "helm" / "ei-relay" / "Chart.yaml").read_text(encoding="utf-8")

    told = {project["version"], *re.findall(r'^(?:version|appVersion): "?([^"\n]+)"?$', chart, re.MULTILINE)}

    assert told == {relay.__version__}


def test_whoever_upgrades_finds_notes() -> None:
    guide = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")

    assert f"- **{relay.__version__}**" in guide.split("### Versions")[1]
    assert f"ei-relay:{relay.__version__}" in guide
