"""Why a region should not say yet that a source keeps the rules: what the configuration and the calls show (R-53).

Wrong updates put wrong information into residents' inboxes. Each doubt is one line that an operator can act on.
"""

from __future__ import annotations

from collections.abc import Iterator

from relay.settings import Settings, Source
from relay.store.evidence import Evidence


def doubts(settings: Settings, source: Source, seen: Evidence) -> list[str]:
    """Every doubt; none: nothing that the relay can see stands in the way."""
    return [*deviations(settings, source), *_seen(seen)]


def deviations(settings: Settings, source: Source) -> list[str]:
    """What is configured otherwise than the rules ask."""
    prefixes = (f"engagement_index.{source.engagement_index}.", f"source.{source.name}.")
    return [str(warning) for warning in settings.warnings if warning.key.startswith(prefixes)]


def _seen(seen: Evidence) -> Iterator[str]:
    if not seen.accepted:
        yield "the index has accepted no call of this source yet"
    if seen.overlapping:
        yield f"{seen.overlapping} calls began before the one before them had ended (R-31)"
    if seen.parked:
        yield f"{seen.parked} posts are parked, refused for what they say: see `ei-relay parked list`"
    yield from (f"lane {lane}: see `ei-relay lanes list`" for lane in seen.held)
