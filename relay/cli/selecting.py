"""The options with which commands select posts, and what they are told when nothing fits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

from relay.flow.actions.selector import SelectionError, selection
from relay.store.selection import Selection

_OPTIONS = (
    click.option("--source", help="Posts of this source."),
    click.option("--unit", help="Posts of this care unit, by HSA-id."),
    click.option("--booking", metavar="ID", help="All posts that a booking has or has had."),
    click.option("--code", help="Posts parked with this code, or whose last call ended with it."),
    click.option(
        "--since", metavar="TIME", help="Sent (or parked) at or after: ISO 8601 in UTC, or 2h: two hours ago."
    ),
    click.option("--until", metavar="TIME", help="Sent (or parked) before."),
)


def selecting(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options --source --unit --booking --code --since --until."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def selected(**asked: Any) -> Selection:
    """What the options select. What cannot be understood is wrong usage, and so is an empty value: it comes from a
    script's unset variable, and would make one booking all of a source's."""
    if empty := [name for name, value in asked.items() if value == ""]:
        raise click.UsageError(f"--{empty[0]} is empty")
    try:
        return selection(datetime.now(UTC), **asked)
    except SelectionError as error:
        raise click.UsageError(str(error)) from None
