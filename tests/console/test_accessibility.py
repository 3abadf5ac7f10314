"""The pages under axe-core in a real browser (WCAG 2.2 A and AA): light, dark, and on a narrow screen.

The pages are asked of a real console. Their own policy lets no script in, axe's neither, so they are opened from a
file, each in a frame of its own, with the style that they have.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from relay.sandbox.orders import Order
from tests.console.conftest import Browse
from tests.simulation.world import World
from tests.story.asking import LANE, ask, book

pytestmark = pytest.mark.heavy

AXE: Final = "axe-core@4.14.1"
BROWSER: Final = shutil.which("chromium") or shutil.which("chromium-browser")
PAGES: Final = (
    "/", "/bookings", "/bookings?q=B1", "/bookings?q=B2", "/bookings?q=nope",
    "/bookings?q=B1&source=tidbok&show=identity",
    "/lanes", "/calls", "/posts", "/parked", "/rejected", "/changes", "/runs", "/workers", "/audit", "/onboarding",
    f"/act?do=pause&on={LANE}", "/reprocess?source=tidbok", "/calls?before=x", "/nothing",
)  # fmt: skip
SHAPES: Final = {"light": 1200, "dark": 1200, "narrow": 360}
_RUN: Final = """
<script src="axe.min.js"></script><script>
axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(found =>
  parent.postMessage({name: NAME, wide: document.documentElement.scrollWidth > innerWidth + 1,
    rules: found.passes.length,
    wrong: found.violations.map(v => v.id + ": " + v.nodes.map(n => n.html.slice(0, 160)).join(" ¦ "))}, "*"))
</script>"""
_GATHER: Final = """
<!doctype html><title>pages</title><pre id="out"></pre><script>
const found = []
addEventListener("message", e => { found.push(e.data); out.textContent = JSON.stringify(found) })
</script>"""


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with axe-core's one file."""
    if BROWSER is None or shutil.which("npm") is None:
        pytest.skip("no chromium or no npm (apt install chromium npm): the accessibility of the console is NOT tested")
    folder = tmp_path_factory.mktemp("axe")
    install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder), AXE]
    try:
        subprocess.run(install, capture_output=True, text=True, timeout=300, check=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        pytest.skip(f"{AXE} could not be had: the accessibility of the console is NOT tested")
    shutil.copy(folder / "node_modules" / "axe-core" / "axe.min.js", folder)
    return folder


def open_all(folder: Path, pages: dict[str, tuple[str, int]]) -> list[dict[str, Any]]:
    """What axe finds on each page: {name: (its HTML, how wide it is shown)}."""
    frames = []
    for name, (text, width) in pages.items():
        page = text.replace("</body>", _RUN.replace("NAME", json.dumps(name)) + "</body>")
        frames.append(
            f'<iframe title="{html.escape(name)}" width="{width}" height="900" srcdoc="{html.escape(page)}"></iframe>'
        )
    (folder / "pages.html").write_text(_GATHER + "".join(frames), encoding="utf-8")
    command = [
        str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile",
        "--allow-file-access-from-files", "--virtual-time-budget=120000", "--dump-dom", f"file://{folder}/pages.html",
    ]  # fmt: skip
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    told = re.search(r'<pre id="out">(.*?)</pre>', run.stdout, re.DOTALL)
    assert told is not None, run.stderr[-2000:]
    found: list[dict[str, Any]] = json.loads(html.unescape(told[1]) or "[]")
    return found


def in_place(text: str, style: str, shape: str) -> str:
    """A page with its style inside, dark where that is asked for."""
    dark = style.replace("screen and (prefers-color-scheme: dark)", "all") if shape == "dark" else style
    assert shape != "dark" or dark != style
    return re.sub(r'<link rel="stylesheet"[^>]*>', lambda _: f"<style>{dark}</style>", text)


def test_the_pages_are_for_everybody(world: World, browse: Browse, axe: Path) -> None:
    # Given a relay with something of everything, and somebody who may do everything, with a Swedish browser
    world.core.order(Order(answer="fault", text="EI004: not so", times=1))
    book(world, "B1")
    world.work()
    book(world, "B2", care_unit="a b")
    world.settle()
    ask(world, "UPDATE ei_lane SET blocked_code = 'VP007', blocked_text = 'no', blocked_since = '2026-11-23 06:00:00'")
    browser = browse("steer,help", **{"Accept-Language": "sv"})
    style = browser.get("/style.css").text
    texts = {path: browser.get(path).text for path in PAGES}
    # when axe looks at each page in each shape
    pages = {
        f"{shape} {path}": (in_place(text, style, shape), width)
        for shape, width in SHAPES.items() for path, text in texts.items()
    }  # fmt: skip
    found = open_all(axe, pages)
    # then it has looked, and has nothing to say; and no page is wider than its screen
    assert sorted(each["name"] for each in found) == sorted(pages)
    assert min(each["rules"] for each in found) > 10
    assert [f"{each['name']}: {wrong}" for each in found for wrong in each["wrong"]] == []
    assert [each["name"] for each in found if each["wide"]] == []


def test_axe_sees_what_is_wrong(axe: Path) -> None:
    pale = '<img src="x.png"><p style="color:#ccc">nobody can read this</p>'
    page = f"<!doctype html><html><head><title>x</title></head><body>{pale}</body></html>"
    (found,) = open_all(axe, {"bad": (page, 800)})
    assert {wrong.partition(":")[0] for wrong in found["wrong"]} >= {"image-alt", "html-has-lang", "color-contrast"}
