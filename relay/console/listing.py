"""The lists: what each shows, how it can be filtered, and how its next page is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from relay.console.desk import Desk

Asked = Mapping[str, str]
"""What the address bar asks for: filters, and where the page begins."""


class Page(NamedTuple):
    """A page of a list; `more`: what asks for the next one, None where this is the last. `searched`: it is not full,
    and looking any further was left to the next page."""

    rows: Sequence[Mapping[str, object]]
    more: Mapping[str, object] | None = None
    searched: bool = False


class Filter(NamedTuple):
    """A filter; with choices, one of these."""

    name: str
    label: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """A list. `read` gets what is asked and how many rows fit; it raises SelectionError for what it cannot read."""

    title: str
    columns: tuple[tuple[str, str], ...]  # the fact, its heading
    read: Callable[[Desk, Asked, int], Page]
    filters: tuple[Filter, ...] = ()
    place: tuple[str, ...] = ()  # the parameters that say where the page begins
    command: str = ""
    acts: Callable[[Mapping[str, object]], tuple[str, ...]] | None = None  # what can be done about a row
