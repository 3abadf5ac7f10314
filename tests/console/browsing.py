"""A real browser, and a console that is really served: what the tests that click, and the pictures, are made with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any, Final

from relay.console.serving import listen, server_of
from relay.flow.relay import Relay
from relay.settings import Console

PROGRAM: Final = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE: Final = 60_000  # milliseconds for whatever is waited for: the machine may be busy
BEHIND_THIS: Final = Console(trusted_proxies=("127.0.0.1",), viewers=("look",), support=("help",), operators=("steer",))


def missing() -> str | None:
    """What a browser cannot be had for want of; None: it can."""
    try:
        import playwright.sync_api  # noqa: F401
    except ModuleNotFoundError:
        return "playwright is not installed (the extra `browser`)"
    return None if PROGRAM else "no chromium (apt install chromium)"


@contextmanager
def chromium() -> Iterator[Any]:
    """The machine's Chromium, driven by Playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=PROGRAM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@contextmanager
def served(relay: Relay, console: Console = BEHIND_THIS) -> Iterator[str]:
    """The address at which the console of a relay is served, behind a proxy that this process plays."""
    relay.settings = relay.settings.model_copy(update={"console": console})
    sockets = listen(relay.settings, "127.0.0.1", 0)
    server = server_of(relay)
    thread = Thread(target=server.run, args=(sockets,), name="console")
    thread.start()
    try:
        yield f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def page_of(browser: Any, address: str, groups: str | None = None, **context: Any) -> Any:
    """A page of a browser of its own, of somebody whom the proxy has signed in: as anna, in these groups."""
    headers = {"X-Forwarded-User": "anna", "X-Forwarded-Groups": groups} if groups is not None else {}
    opened = browser.new_context(base_url=address, extra_http_headers=headers, **({"locale": "en-GB"} | context))
    opened.set_default_timeout(PATIENCE)
    return opened.new_page()
