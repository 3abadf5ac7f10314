"""`ei-relay sandbox`: an index to practise on."""

from __future__ import annotations

import signal
import threading

import click

from relay.cli.common import Seconds
from relay.sandbox.command import serve
from relay.sandbox.contract import NATIONAL_OWNER
from relay.sandbox.server import Sandbox

_SECONDS = Seconds(0, 86_400)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8088, show_default=True, help="0: any free one.")
@click.option("--owner", default=NATIONAL_OWNER, show_default=True, help="The index's own logical address.")
@click.option(
    "--as-measured", is_flag=True,
    help="Exactly as the index that was measured: no schema check, its window, its queue and its pace.",
)  # fmt: skip
@click.option("--collect", is_flag=True, help="Gather single-post calls before applying them, as the real index does.")
@click.option(
    "--collect-quiet",
    type=_SECONDS,
    default=5.0,
    show_default=True,
    help="Seconds without a call that end a gathering.",
)
@click.option(
    "--collect-messages", type=click.IntRange(1), default=10, show_default=True, help="Calls that end a gathering."
)
@click.option(
    "--collect-posts", type=click.IntRange(1), default=1, show_default=True,
    help="Calls with no more posts than this are gathered.",
)  # fmt: skip
@click.option(
    "--apply-after", type=_SECONDS,
    help="Seconds after its OK at which a call that is not gathered is applied.  [default: at once; as measured 0.1]",
)  # fmt: skip
@click.option(
    "--latency", type=_SECONDS, default=0.0, show_default=True, help="Seconds that every answer takes longer."
)
@click.option("--key-spacing", type=_SECONDS, help="Note a key that comes sooner than this, in seconds (R-32).")
@click.option("--retry-after-fault", type=_SECONDS, help="Note a call that is repeated sooner, in seconds (R-35).")
@click.option("--direct", is_flag=True, help="As without the platform: demand the correlation id header.")
def sandbox(
    host: str, port: int, owner: str, collect: bool, collect_quiet: float, collect_messages: int, latency: float,
    key_spacing: float | None, retry_after_fault: float | None, direct: bool, as_measured: bool, collect_posts: int,
    apply_after: float | None,
) -> None:  # fmt: skip
    """Run an index to practise on, until told to stop.

    It checks every call against the contract's rules, and its page shows what it holds. Answers and accidents can be
    ordered over HTTP: see docs/sandbox.md.

    It refuses what the index refuses, with the same faults. Unless --as-measured it also checks the schema, and R-07's
    pattern of resident identities with it (EI001, which the index never answers), and applies every call at once
    unless told to gather.
    """

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def ready(running: Sandbox) -> None:
        click.echo(f"updates  {running.update_url}\npage     {running.url}/")

    try:
        serve(
            host=host, port=port, owner=owner, collect=collect, collect_quiet=collect_quiet,
            collect_messages=collect_messages, latency=latency, key_spacing=key_spacing,
            retry_after_fault=retry_after_fault, direct=direct, as_measured=as_measured, collect_posts=collect_posts,
            apply_after=apply_after, ready=ready, stop=stop,
        )  # fmt: skip
    except OSError as error:
        raise click.ClickException(f"{host}:{port} cannot be served: {error.strerror}") from None
