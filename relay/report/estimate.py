"""What a mass resend would mean, before it is begun: calls, time, and messages to residents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from relay.language.said import Said, say
from relay.settings import Settings
from relay.story.words import lasting


def estimate_of(loaded: Settings, found: Counter[tuple[str, str, str | None]]) -> dict[str, int]:
    """What a run would mean, by R-34's pace: the lanes of a source share its posts as if they were one, the sources
    go side by side. A post that the index has as it is notifies nobody."""
    calls = seconds = 0
    indexes = {source.name: loaded.engagement_index.get(source.engagement_index) for source in loaded.source}
    by_source: Counter[str] = Counter()
    for (source, _, _), number in found.items():
        by_source[source] += number
    for source, number in by_source.items():
        index = indexes.get(source) or next(iter(loaded.engagement_index.values()))
        of_source = -(-number // index.max_posts_per_call)
        calls += of_source
        seconds = max(seconds, round(of_source * index.bulk_call_interval.total_seconds()))
    uncertain = sum(number for (_, state, _), number in found.items() if state in ("parked", "discarded", "absent"))
    return {"posts": found.total(), "calls": calls, "seconds": seconds, "messages_to_residents_at_most": uncertain}


def in_words(estimate: Mapping[str, int]) -> Said:
    """The same for people."""
    at_most = estimate["messages_to_residents_at_most"]
    return say(
        "{calls} calls, {time} or more (R-34), messages to residents: {messages}",
        calls=estimate["calls"],
        time=lasting(timedelta(seconds=estimate["seconds"])),
        messages=say("at most {number} (for deletes, and posts the index had refused)", number=at_most)
        if at_most
        else say("none"),
    )
