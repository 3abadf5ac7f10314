"""What an operator is warned of, though it is allowed: in a test all of it can be meant. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from relay.settings.duration import format_duration
from relay.settings.engagement_index import LONGEST_HOLD, EngagementIndex
from relay.settings.finding import Finding, show
from relay.settings.model import Settings
from relay.settings.outboxes import Place

_MOST_POSTS = 1000
_PATIENCE = timedelta(seconds=75)  # the platform waits 35 s for the index, twice at worst, with 2 s between


def advise(settings: Settings) -> list[Finding]:
    """Every warning that the settings themselves give, in every environment alike."""
    found = [warning for name, index in settings.engagement_index.items() for warning in _about_index(name, index)]
    return [*found, *_shared_outboxes(settings)]


def _about_index(name: str, index: EngagementIndex) -> Iterator[Finding]:
    prefix = f"engagement_index.{name}"
    if index.url.lower().startswith("http://"):
        yield Finding(
            f"{prefix}.url", show(index.url), "not encrypted and without our certificate (R-37): use https://"
        )
    if index.max_posts_per_call > _MOST_POSTS:
        yield Finding(
            f"{prefix}.max_posts_per_call",
            show(index.max_posts_per_call),
            f"the national index takes at most {_MOST_POSTS} posts a call (R-30)",
        )
    for key, value, least, rule in (
        ("key_spacing", index.key_spacing, timedelta(minutes=5), "R-32"),
        ("retry_after_fault", index.retry_after_fault, timedelta(minutes=5), "R-35"),
        ("bulk_call_interval", index.bulk_call_interval, timedelta(seconds=5), "R-34"),
    ):
        if value < least:
            yield Finding(f"{prefix}.{key}", show(value), f"the rule is at least {format_duration(least)} ({rule})")
    if index.lone_delete_wait > LONGEST_HOLD:
        yield Finding(
            f"{prefix}.lone_delete_wait",
            show(index.lone_delete_wait),
            f"a delete must be sent within the hour (R-33): it waits {format_duration(LONGEST_HOLD)} at most",
        )
    if timedelta(0) < index.refresh_every < timedelta(days=1):
        yield Finding(
            f"{prefix}.refresh_every",
            show(index.refresh_every),
            "every post of the index is sent again so often: expected a day at least, such as the default, 7d",
        )
    if index.read_timeout < _PATIENCE:
        yield Finding(
            f"{prefix}.read_timeout",
            show(index.read_timeout),
            f"the platform answers after up to 72 s: a call that it accepts later than this counts as a time-out and "
            f"is sent again and again; expected at least {format_duration(_PATIENCE)}, and call_timeout 90s",
        )
    if index.split_call_interval == timedelta(0):
        yield Finding(
            f"{prefix}.split_call_interval",
            show(index.split_call_interval),
            "a refused call is narrowed down with calls in quick succession; the default is 5s",
        )


def _shared_outboxes(settings: Settings) -> Iterator[Finding]:
    first: dict[Place, str] = {}
    whoever: dict[Place, str] = {}
    for source in settings.source:
        outbox = settings.outbox_of(source)
        holder = first.setdefault(outbox, source.name)
        other = whoever.setdefault(outbox.for_any_user, source.name)
        key, shown = f"source.{source.name}.outbox_table", show(source.outbox_table)
        if holder != source.name:
            yield Finding(
                key,
                shown,
                f"the same table as source.{holder}'s: rows are told apart by their source_system, "
                "so every row must have one",
            )
        elif other != source.name:
            yield Finding(
                key,
                shown,
                f"the same table as source.{other}'s, unless their users have schemas of their own: "
                "two users of one table would reject each other's rows, give both sources one",
            )
