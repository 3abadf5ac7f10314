"""The story of a booking as a value, and as a text or an object for machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from relay.language.said import ENGLISH, Said, say
from relay.story.answer import Answer, answer
from relay.story.events import Event, events
from relay.story.facts import Facts
from relay.story.words import one_after_the_other
from relay.wallclock import SWEDEN

_WIDTH = len("2026-11-29 10:43:00")


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that is known of one booking of one source, and the answer."""

    source: str
    booking_id: str  # masked
    at: datetime
    events: tuple[Event, ...]
    answer: Answer


def tell(f: Facts) -> Story:
    """The story of a booking."""
    return Story(f.source.name, f.booking_id, f.now, tuple(events(f)), answer(f))


def as_text(stories: Sequence[Story], language: str = ENGLISH) -> str:
    """The stories for people, in Swedish time; the last line is the answer."""
    lines = []
    for story in stories:
        lines.append(say("booking {booking} of {source}", booking=story.booking_id, source=story.source).to(language))
        lines += [f"{_time(event.at):{_WIDTH}}  {event.text.to(language)}" for event in story.events]
        if len(stories) > 1:
            lines += [story.answer.sentence.to(language), ""]
        else:
            lines.append("")
    return "\n".join([*lines, sentence(stories).to(language)])


def as_object(stories: Sequence[Story]) -> dict[str, object]:
    """The stories for machines. One story's answer is the object's; several have a sentence in common."""
    objects = [_object(story) for story in stories]
    if len(objects) == 1:
        return objects[0]
    every = {story.answer.in_index for story in stories}
    return {
        "answer": sentence(stories),
        "in_index": every.pop() if len(every) == 1 else None,
        "reason": "several",
        "events": [event for each in objects for event in each["events"]],  # type: ignore[attr-defined]
        "stories": objects,
    }


def sentence(stories: Sequence[Story]) -> Said:
    """The answer in one sentence; of several bookings, each one's."""
    if len(stories) == 1:
        return stories[0].answer.sentence
    there = sum(story.answer.in_index is True for story in stories)
    each = [
        say("{booking} of {source}: {answer}", booking=s.booking_id, source=s.source, answer=s.answer.sentence)
        for s in stories
    ]
    return say(
        "Of {number} bookings {there} are in the index: {each}",
        number=len(stories), there=there, each=one_after_the_other(each, "{first} {rest}"),
    )  # fmt: skip


def _object(story: Story) -> dict[str, object]:
    return {
        "source": story.source,
        "booking_id": story.booking_id,
        "at": story.at,
        "answer": story.answer.sentence,
        "in_index": story.answer.in_index,
        "reason": story.answer.reason,
        "by": story.answer.by,
        "events": [
            {"at": event.at, "source": story.source, "kind": event.kind, "text": event.text, **event.facts}
            for event in story.events
        ],
    }


def _time(at: datetime | None) -> str:
    return at.astimezone(SWEDEN).strftime("%Y-%m-%d %H:%M:%S") if at is not None else ""
