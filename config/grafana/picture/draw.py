"""Draws the dashboard into a PNG file, from a live Prometheus: `./run picture --prometheus URL --out FILE.png`.

The page that `npm run build` leaves in dist/ is served on a free port and shown to a headless Chromium, which needs
nothing else. Where a panel could not be drawn there is no picture, but exit code 1 and words on stderr.
"""

from __future__ import annotations

import argparse
import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

HERE: Final = Path(__file__).resolve().parent
DASHBOARD: Final = HERE.parent / "ei-relay.json"
PAGE: Final = HERE / "dist"
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

_GRID_ROW: Final = 38  # pixels of one row of the grid, with its gap, as src/page.tsx has it
_AROUND: Final = 64  # the heading above and the margins
_PATIENCE: Final = 120  # seconds for the whole picture
_SETTLED_AFTER: Final = 20_000  # milliseconds of the page's own clock, which stands still while it waits for answers


class CannotDraw(Exception):
    """Why there is no picture, in a sentence."""


class Drawing(NamedTuple):
    """A picture as a PNG file has it, and the page's document as it then stood."""

    png: bytes
    document: str


def draw(prometheus: str, *, since: datetime, until: datetime, width: int) -> Drawing:
    """The dashboard from one moment to another. Raises CannotDraw."""
    if not (PAGE / "index.html").exists():
        raise CannotDraw("the page is not built: `./run picture` does it")
    asked = urlencode(
        {"prometheus": prometheus, "from": _milliseconds(since), "to": _milliseconds(until), "refresh": 0}
    )
    with _served(PAGE) as address, tempfile.TemporaryDirectory(prefix="picture-") as profile:
        shot = Path(profile) / "shot.png"
        document = _browse(f"{address}/?{asked}", shot, Path(profile), width)
        if failures := _failures(document):
            raise CannotDraw("\n".join(failures))
        if not shot.exists():
            raise CannotDraw("the browser made no picture")
        return Drawing(shot.read_bytes(), document)


def height() -> int:
    """How high the page is, in pixels."""
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    rows: int = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    return _AROUND + _GRID_ROW * rows


def _browse(url: str, shot: Path, profile: Path, width: int) -> str:
    """Have a browser draw the page into `shot`; the page's document as it then stands."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise CannotDraw("Chromium is not installed: apt install chromium")
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}",
        f"--window-size={width},{height()}", f"--virtual-time-budget={_SETTLED_AFTER}", f"--screenshot={shot}",
        "--dump-dom", url,
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise CannotDraw(f"the browser was not done after {_PATIENCE} s") from None
    if done.returncode != 0:
        raise CannotDraw(f"the browser ended with code {done.returncode}: {done.stderr[-500:]}")
    return done.stdout


def _failures(document: str) -> list[str]:
    """What failed panels say, each thing once. Raises CannotDraw where the page has not asked for all of them."""
    if 'data-looked="' not in document:
        raise CannotDraw("the page did not come to its end; open it in a browser and look at its console")
    return sorted({html.unescape(told) for told in re.findall(r'data-failure="([^"]*)"', document)})


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The address at which the files of a folder are served: icons and modules are not loaded from file addresses."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """A file that is read is no event."""


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run picture", description="Draw the dashboard into a PNG file.")
    parser.add_argument("--prometheus", required=True, metavar="URL", help="as http://127.0.0.1:9090")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE.png")
    parser.add_argument("--minutes", type=float, default=15, help="of the time shown; 15")
    parser.add_argument("--until", type=datetime.fromisoformat, metavar="TIME", help="ISO 8601, UTC; now")
    parser.add_argument("--width", type=int, default=1600, help="pixels; 1600")
    return parser.parse_args()


def main() -> int:
    """Draw as the command line asks; the exit code."""
    asked = _arguments()
    until = asked.until or datetime.now(UTC)
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    since = until - timedelta(minutes=asked.minutes)
    try:
        png = draw(asked.prometheus, since=since, until=until, width=asked.width).png
    except CannotDraw as reason:
        print(reason, file=sys.stderr)
        return 1
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_bytes(png)
    print(f"{asked.out}: {len(png) // 1024} KB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
