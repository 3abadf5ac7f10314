"""The console beside the demo, and what whoever looks at it is told."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from relay.demo import config
from relay.demo.cast import TAND
from relay.demo.directions import asking
from relay.demo.processes import Process, undisturbed_at_the_end
from relay.demo.sign_in import signed_in
from relay.demo.trouble import BLOCKED, HIDDEN, NOT_CONNECTED, PARKED

PARTS: Final = ("uvicorn", "starlette", "jinja2")
_PATIENCE: Final = 60.0  # seconds for it to start


@dataclass(frozen=True, slots=True)
class Page:
    """Where it is. `check` raises StartFailed when it has died."""

    url: str
    check: Callable[[], None]


def missing() -> str | None:
    """Why there can be no console here; None: there can."""
    absent = [name for name in PARTS if find_spec(name) is None]
    return f"--console needs {', '.join(absent)}: pip install 'ei-relay[console]'" if absent else None


@contextmanager
def serving(path: Path, port: int, say: Callable[[str], None]) -> Iterator[Page]:
    """Serve the console of the relay whose configuration is at `path`. Raises StartFailed."""
    with undisturbed_at_the_end() as stack:
        say("starting ei-relay console …")
        command = [sys.executable, "-m", "relay", "console"]
        process = stack.enter_context(
            Process("ei-relay console", command, path.with_name("console.log"), config.environment(path))
        )
        process.wait_for_line("the console is at", _PATIENCE)
        yield Page(stack.enter_context(signed_in(port)), process.check)


def sights(page: Page, sandbox_url: str) -> list[str]:
    """The lines: what to look at, and how to mend it."""
    url = page.url
    return [
        "The demo goes on: a few changes a second, and some things are wrong on purpose. Ctrl-C ends it.",
        "",
        "LOOK, in Swedish or English as your browser asks, signed in as somebody who may do everything",
        f"    the console             {url}/",
        f"    a unit not connected    {url}/bookings?q={NOT_CONNECTED}",
        f"    a hidden booking        {url}/bookings?q={HIDDEN}",
        f"    a parked post           {url}/bookings?q={PARKED}",
        f"    a blocked lane          {url}/bookings?q={BLOCKED}",
        f"    a rejected row          {url}/bookings?q=M-LOCAL",
        f"    a held change           {url}/changes    within three minutes: two units left the list of {TAND.name}",
        "",
        "MEND: have the index answer again, then retry the parked post and resume the lane on their pages",
        *asking(f"{sandbox_url}/api/orders", None),
        "The held change is approved or rejected on its page.",
    ]
