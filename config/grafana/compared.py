"""Panels that say whether what works is right: what is held, what disagrees, what was found by comparing."""

from __future__ import annotations

from typing import Any, Final

from kinds import Panel, Steps, lit, of_column, row, stat, table

SOURCE: Final = 'source=~"$source"'
LANE: Final = 'index=~"$index"'
RED_IF_ANY: Final[Steps] = [("green", None), ("red", 1)]
ORANGE_IF_ANY: Final[Steps] = [("green", None), ("orange", 1)]
_CLOCK: Final[Steps] = [("green", None), ("orange", 10), ("red", 60)]


def narrow(*headings: str) -> list[dict[str, Any]]:
    """Overrides for columns of figures that have to stand beside many others."""
    return [of_column(each, custom__width=80) for each in headings]


def _of_sources(metric: str) -> tuple[str, str]:
    """A metric of each source, summed; several exporters count once."""
    return f"sum(max by (source) ({metric}{{{SOURCE}}}))", ""


def is_it_right() -> list[Panel]:
    """What may be wrong while everything works."""
    unlike = f'ei_relay_verify_posts{{{LANE},result=~"lost|ghost|wrong"}}'
    return [
        row("Is it right?"),
        stat(
            "Index differs", "Posts of which the index, when it was last read back (`ei-relay verify`), held something "
            "else than it is known to hold. Nothing where an index cannot be read back.",
            (f"sum(max by (index, result) ({unlike})) or vector(0)", ""), steps=RED_IF_ANY,
        ),
        stat(
            "Changes held", "Changes of many posts at once that wait for an operator's decision (`ei-relay changes`).",
            _of_sources("ei_relay_changes_held"), steps=ORANGE_IF_ANY,
        ),
        stat(
            "Rows set aside", "Outbox rows that are taken and whose outcome cannot be written.",
            _of_sources("ei_relay_rows_set_aside"), steps=ORANGE_IF_ANY,
        ),
        stat(
            "Full lists failed", "Sources whose full list of bookings could not be compared the last time.",
            (f"sum(max by (source) (ei_relay_full_list_failed{{{SOURCE}}})) or vector(0)", ""), steps=ORANGE_IF_ANY,
        ),
        stat(
            "Lists disagree", "Sources of which the files of the workers' hosts say different things.",
            _of_sources("ei_relay_lists_disagree"), steps=ORANGE_IF_ANY,
        ),
        stat(
            "Restored?", "Sources of which nothing is sent, because the relay's database seems to have been "
            "restored (`ei-relay recover`).",
            _of_sources("ei_relay_restore_suspected"), steps=RED_IF_ANY,
        ),
        stat(
            "Clocks off by", "The most that a worker's or an index's clock differs from the relay's database's. Alert "
            "at a minute.",
            ("max(abs(ei_relay_clock_difference_seconds))", ""), unit="s", steps=_CLOCK,
            defaults={"decimals": 1, "noValue": "–"},
        ),
        stat(
            "Workers", "Processes that do the relay's work and have reported within a minute.",
            ("max(ei_relay_workers)", ""), steps=[("red", None), ("green", 1)],
        ),
    ]  # fmt: skip


def read_again() -> list[Panel]:
    """What was found by comparing: with the booking systems' full lists, and with the index."""
    results = ("created", "changed", "gone", "held", "rejected")
    verified = ("equal", "lost", "ghost", "wrong", "unsettled")
    letters = "BCDEFG"
    return [
        row("Compared"),
        table(
            "Full lists", "Bookings by what the last comparison with a booking system's full list found; differences "
            "are made good, held ones wait for a decision.",
            f"time() - max by (source) (ei_relay_full_list_timestamp_seconds{{{SOURCE}}})",
            *(f'max by (source) (ei_relay_full_list_bookings{{{SOURCE},result="{each}"}})' for each in results),
            size=(12, 6), empty="No source has a full list",
            columns={"source": "Source", "Value #A": "Compared"}
            | {f"Value #{letters[n]}": each.capitalize() for n, each in enumerate(results)},
            overrides=[
                of_column("Compared", unit="s", decimals=0, custom__width=85),
                *narrow("Created", "Changed", "Gone"),
                lit("Held", [("orange", 1)], custom__width=70), lit("Rejected", [("orange", 1)], custom__width=80),
            ],
            sort=("Source", False),
        ),
        table(
            "The index, read back", "Posts by what the last `ei-relay verify` found.",
            f"time() - max by (index) (ei_relay_verify_timestamp_seconds{{{LANE}}})",
            *(f'max by (index) (ei_relay_verify_posts{{{LANE},result="{each}"}})' for each in verified),
            size=(12, 6), empty="No index has been read back",
            columns={"index": "Index", "Value #A": "Compared"}
            | {f"Value #{letters[n]}": each.capitalize() for n, each in enumerate(verified)},
            overrides=[
                of_column("Compared", unit="s", decimals=0, custom__width=85),
                *narrow("Equal", "Unsettled"),
                *(lit(each, [("red", 1)], custom__width=70) for each in ("Lost", "Ghost", "Wrong")),
            ],
            sort=("Index", False),
        ),
    ]  # fmt: skip
