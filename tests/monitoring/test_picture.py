"""The picture of the dashboard, and the page that draws it."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import struct
import subprocess
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest

from relay.demo.prometheus import Prometheus
from tests.integration.conftest import TIDBOK
from tests.integration.site import Site
from tests.monitoring.conftest import CONFIG

ROOT = CONFIG.parent
PAGE = CONFIG / "grafana" / "picture"
DASHBOARD = json.loads((CONFIG / "grafana" / "ei-relay.json").read_text(encoding="utf-8"))
SOURCES = [
    path
    for path in sorted(PAGE.rglob("*"))
    if path.is_file() and not {"node_modules", "dist", "__pycache__"} & set(path.relative_to(PAGE).parts)
]


def size_of(png: bytes) -> tuple[int, int]:
    """Width and height of a PNG file, which this must be."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_the_readme_shows_a_picture_and_says_in_words_what_is_on_it() -> None:
    found = re.search(r"!\[([^\]]+)\]\((\S+dashboard\.png)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert found is not None
    words, path = found.groups()
    assert len(words) > 40
    picture = (ROOT / path).read_bytes()
    width, height = size_of(picture)
    assert width >= 1200
    assert height >= width
    assert 50_000 < len(picture) < 500_000


def test_every_panel_is_of_a_type_that_the_page_can_draw() -> None:
    drawn = set(re.findall(r"^ +'?([a-z-]+)'?(?:: \w+)?,$", (PAGE / "src/panels/index.ts").read_text(), re.MULTILINE))
    assert drawn
    assert {panel["type"] for panel in DASHBOARD["panels"]} - {"row"} <= drawn


def test_the_page_is_made_of_exact_versions_and_of_one_grafana() -> None:
    package = json.loads((PAGE / "package.json").read_text())
    wanted = package["dependencies"] | package["devDependencies"]
    assert {name for name, version in wanted.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)} == set()
    assert len({version for name, version in wanted.items() if name.startswith("@grafana/")}) == 1


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(PAGE)))
def test_no_file_of_the_page_names_a_host(source: Path) -> None:
    """It fetches nothing from the internet when shown, and its packages come from wherever npm is told."""
    assert source.name not in ("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml") or (
        "package-lock.json" in (PAGE / ".gitignore").read_text()
    )
    hosts = re.findall(r"\bhttps?://([^\s/\"'`:$]+)", source.read_text(encoding="utf-8"))
    assert set(hosts) <= {"127.0.0.1"}


@pytest.fixture(scope="module")
def drawer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The module that draws, its page built; skips, in words nobody overlooks, where that cannot be."""
    missing = [name for name in ("node", "npm", "chromium") if not shutil.which(name)]
    if missing:
        skip(f"{' and '.join(missing)} cannot be found")
    said = tmp_path_factory.mktemp("page") / "build.log"  # no pipe, which an npm that hangs would keep open
    with said.open("w") as log:
        try:
            built = subprocess.run(["./run", "picture"], cwd=ROOT, stdout=log, stderr=log, timeout=600, check=False)
        except subprocess.TimeoutExpired:
            skip("npm's packages did not come within ten minutes")
    if "npm could not get" in said.read_text():
        skip("npm's packages cannot be had")
    assert built.returncode == 0, said.read_text()
    spec = importlib.util.spec_from_file_location("drawer", PAGE / "draw.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def skip(why: str) -> NoReturn:
    reason = f"{why}: that the dashboard's page can be built and drawn is NOT TESTED"
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(reason, stacklevel=1)
    pytest.skip(reason)


def shown(drawing: Any) -> str:
    """The words in the page."""
    return " ".join(re.sub(r"<(style|script)\b.*?</\1>|<[^>]*>", " ", drawing.document, flags=re.DOTALL).split())


@pytest.mark.heavy
@pytest.mark.promtool
@pytest.mark.integration
def test_the_dashboard_of_a_real_relay_can_be_drawn(drawer: Any, watched: tuple[Site, Prometheus]) -> None:
    # Given a relay that has delivered a booking and rejected a row, and Prometheus that watches it
    now = datetime.now(UTC)

    # When its dashboard is drawn
    drawing = drawer.draw(watched[1].url, since=now - timedelta(minutes=2), until=now, width=1400)

    # Then the picture is as large as the grid, has every panel, and the source's line in the table
    assert size_of(drawing.png) == (1400, drawer.height())
    words = shown(drawing)
    for panel in DASHBOARD["panels"]:
        assert panel["title"] in words
    assert re.search(rf"{TIDBOK.name} up [\d ]*0 s", words)
    assert "No lane is blocked" in words


@pytest.mark.heavy
def test_where_prometheus_is_away_no_picture_is_made_but_words(drawer: Any) -> None:
    now = datetime.now(UTC)
    with pytest.raises(drawer.CannotDraw, match=r"^Prometheus at http://127.0.0.1:1 does not answer: [^\n]*$"):
        drawer.draw("http://127.0.0.1:1", since=now - timedelta(minutes=2), until=now, width=1400)
