"""What the tables of the configuration have in common."""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, ValidationInfo

from relay.settings.duration import format_duration


class Table(BaseModel):
    """A table of the configuration: read once, and no key in it that nobody knows."""

    # Defaults are validated too: a default can be wrong beside what the operator chose for its neighbour.
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True)


def at_least(other: str, value: timedelta, info: ValidationInfo) -> timedelta:
    least = info.data.get(other)  # absent when it has a mistake of its own
    if isinstance(least, timedelta) and value < least:
        raise ValueError(f"expected at least {other}, which is {format_duration(least)}")
    return value
