"""The settings of the nightly comparison with a booking system's own tables, declared as those of the model are.

A part of `[[source]]` (`relay.settings.model`).
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, Field

from relay.settings import kinds

_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_READS: Final = re.compile(r"(select|with)\b", re.IGNORECASE)


def _query(value: str) -> str:
    query = value.strip().removesuffix(";").rstrip()
    if query and not _READS.match(query):
        raise ValueError("expected a query that begins with SELECT or WITH, such as SELECT * FROM ei_full_list")
    if ";" in query:
        raise ValueError("expected one query, without a semicolon in it: make a view, and SELECT * FROM that")
    return query


def _clock(value: str) -> str:
    if not _CLOCK.fullmatch(value):
        raise ValueError('expected a time of the day in Sweden, such as "03:00"')
    return value


Query = Annotated[str, AfterValidator(_query)]
TimeOfDay = Annotated[str, AfterValidator(_clock)]


class FullList(BaseModel):
    """Where a source's full list of current bookings can be had, and when it is compared."""

    full_list_query: Query = Field(
        "",
        description="A query over the booking system's own tables, at outbox_url, that gives all its current bookings, "
        "in the columns of the outbox table: SELECT * FROM ei_full_list. Compared every night with what is known here; "
        "left out, never.",
    )
    full_list_at: TimeOfDay = Field(
        "03:00", description="When, in Swedish time; up to six hours later, where no worker is there at that time."
    )
    full_list_timeout: kinds.PositiveDuration = Field(
        timedelta(minutes=10), description="How long the query may take, and the reading of what it gives."
    )
