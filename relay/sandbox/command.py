"""Serves the sandbox until it is told to stop: what the command line calls."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from relay.sandbox.backend import MEASURED, Pace
from relay.sandbox.collector import Collect
from relay.sandbox.contract import NATIONAL_OWNER
from relay.sandbox.core import Options
from relay.sandbox.referee import Limits
from relay.sandbox.server import Sandbox
from relay.sandbox.validation import Ownership


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    owner: str = NATIONAL_OWNER,
    collect: bool = False,
    collect_quiet: float = 5.0,
    collect_messages: int = 10,
    collect_posts: int = 1,
    apply_after: float | None = None,
    as_measured: bool = False,
    latency: float = 0.0,
    key_spacing: float | None = None,
    retry_after_fault: float | None = None,
    direct: bool = False,
    ready: Callable[[Sandbox], None] | None = None,
    stop: threading.Event | None = None,
) -> None:
    """Serve until `stop` is set or the process is interrupted; `ready` is told once it answers.

    Times are seconds.

    collect:           gather calls of at most `collect_posts`, write them after `collect_quiet` or `collect_messages`
    apply_after:       how long after its OK a call of more posts is applied; None: at once, as measured 0.1 s
    as_measured:       as the index that was measured: no schema check, and all that happens behind its OK
    key_spacing:       note a key sent sooner than this as a breach (R-32); None: don't watch
    retry_after_fault: note a lane that calls sooner than this after a failed call (R-35); None: don't watch
    direct:            as without the platform: demand the correlation id header
    """
    pace = MEASURED if as_measured else None
    if apply_after is not None:
        pace = replace(pace or Pace(), delay=apply_after)
    options = Options(
        own=Ownership(owner=owner),
        collect=Collect(collect_quiet, collect_messages, collect_posts) if collect or as_measured else None,
        pace=pace,
        as_measured=as_measured,
        limits=Limits(key_spacing, retry_after_fault),
        latency=latency,
        direct=direct,
    )
    with Sandbox(options, host=host, port=port) as sandbox:
        if ready is not None:
            ready(sandbox)
        try:
            (stop or threading.Event()).wait()
        except KeyboardInterrupt:
            return
