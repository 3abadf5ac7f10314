"""The answer to "is this booking in the index, and if not, why?": one sentence, a stable code, yes, no or unknown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from relay.post import ABSENT, UNKNOWN
from relay.story.cause import Cause, no_worker, restore_suspected
from relay.story.causes import of_booking, of_held, of_post, of_rows
from relay.story.facts import Facts
from relay.story.words import by, plain

FOLLOWED: timedelta = timedelta(minutes=3)  # within which workers follow a change of the lists


@dataclass(frozen=True, slots=True)
class Answer:
    """`in_index`: None where nobody can say. `by`: when that will have changed; None: it will not by itself."""

    sentence: str
    in_index: bool | None
    reason: str
    by: datetime | None = None


def answer(f: Facts) -> Answer:
    """The answer for one booking."""
    restored = restore_suspected(f)
    if restored is not None:  # what our database knows of the index may be older than what the index holds
        said = "Nobody can say whether it is in the index"
        return Answer(f"{said}, because {restored.because}; {restored.do}.", None, restored.code)
    held, target = _held(f), f.target
    rows = of_rows(f)
    if rows is not None and rows.until is None:
        return _kept(f, held, rows, "as the booking system last wrote it")
    if f.next is None:
        return _nothing(f, held)
    if not f.decided:
        return _undecided(f, held)
    withheld = of_booking(f)
    guarded = of_held(f)
    if guarded is not None:
        return _guarded(f, held, guarded, withheld)
    if withheld is not None:
        return _withheld(f, held, withheld, rows)
    if target is None or target.wanted != (f.wanted.content if f.wanted else ABSENT):
        late = rows or _followed(f)
        return _coming(f, held, late) if late.until else _kept(f, held, late, "as it should be")
    cause = of_post(f, target)
    if cause is None:
        return _settled(f)
    return _coming(f, held, cause) if cause.until else _kept(f, held, cause, "as it is wanted")


def _held(f: Facts) -> bool | None:
    """Whether the index holds a post of the booking, under the key it has now or, where it has none, under any."""
    asked = [f.target] if f.target is not None and not f.withheld else list(f.posts)
    if any(post.known not in (ABSENT, UNKNOWN) for post in asked):
        return True
    return None if any(post.known == UNKNOWN for post in asked) else False


def _settled(f: Facts) -> Answer:
    """The post is in the index as it should be; one under an older key may be there besides (R-10)."""
    for old in f.posts:
        cause = of_post(f, old) if not old.current else None
        if cause is not None:
            when = f"goes by {by(cause.until, f.now)}" if cause.until else f"stays, because {cause.because}; {cause.do}"
            unit = plain(old.care_unit)
            return Answer(
                f"It is in the index; its older post (care unit {unit}) {when}.", True, "older_post", cause.until
            )
    return Answer("It is in the index.", True, "in_index")


def _coming(f: Facts, held: bool | None, cause: Cause) -> Answer:
    assert cause.until is not None
    when = by(cause.until, f.now)
    if held:
        return Answer(
            f"It is in the index as it was; as it is now it will be there by {when}.", True, cause.code, cause.until
        )
    return Answer(f"It will be in the index by {when}.", held, cause.code, cause.until)


def _kept(f: Facts, held: bool | None, cause: Cause, how: str) -> Answer:  # noqa: ARG001
    if held:
        return Answer(f"It is in the index, but not {how}, because {cause.because}; {cause.do}.", True, cause.code)
    unknown = "the outcome of its last call is unknown and " if held is None else ""
    return Answer(f"It is not in the index, because {unknown}{cause.because}; {cause.do}.", held, cause.code)


def _guarded(f: Facts, held: bool | None, guarded: Cause, why: Cause | None) -> Answer:
    """Its posts stay as they were until somebody decides; `why`: it should have none."""
    if why is None:
        return _kept(f, held, guarded, "as it should be")
    stands = next((post for post in f.posts if post.wanted != ABSENT and post.pending), None)
    cause = of_post(f, stands) if stands is not None else None
    if held is False and cause is not None:  # what was wanted before is still to be sent
        return _coming(f, held, cause) if cause.until else _kept(f, held, cause, "as it is wanted")
    said = "It is still in the index" if held else "It may be in the index still"
    return Answer(f"{said}, though {why.because}, because {guarded.because}; {guarded.do}.", held, guarded.code)


def _withheld(f: Facts, held: bool | None, why: Cause, rows: Cause | None) -> Answer:
    """It should have no post: is one there still?"""
    if held is False and not (rows and any(post.pending for post in f.posts)):
        return Answer(f"It is not in the index, because {why.because}; {why.do}.", False, why.code)
    causes = [cause for post in f.posts if (cause := of_post(f, post)) is not None]
    stuck = next((cause for cause in causes if cause.until is None), None)
    if stuck is not None:
        said = "It is in the index" if held else "It may be in the index"
        return Answer(f"{said}, though {why.because}, because {stuck.because}; {stuck.do}.", held, stuck.code)
    last = max([*causes, *([rows] if rows else [])], key=lambda c: c.until or f.now, default=None)
    late = last or _followed(f)
    if late.until is None:
        return Answer(f"It is in the index, though {why.because}, because {late.because}; {late.do}.", held, late.code)
    known = "" if held else ", for all that is known,"
    when = by(late.until, f.now)
    if late.code == "company":
        still = "is still" if held else "may still be"
        return Answer(
            f"It {still} in the index until {when}: {late.because}; it should go, because {why.because}.",
            held,
            late.code,
            late.until,
        )
    return Answer(
        f"It is in the index{known} and will be gone by {when}, because {why.because}.", held, why.code, late.until
    )


def _followed(f: Facts) -> Cause:
    """What is wanted of the posts is not yet what the booking, the lists and the time ask for."""
    cause = no_worker(f)
    if cause is not None:
        return cause
    if f.source.policy_error:
        return Cause(
            "lists_unreadable",
            f"the source's list cannot be read, and the list read before stands: {plain(f.source.policy_error)}",
            "correct the list (`ei-relay config check`)",
        )
    return Cause(
        "lists_changed", "the bookings are being evaluated by the lists as they are now", until=f.now + FOLLOWED
    )


def _undecided(f: Facts, held: bool | None) -> Answer:
    """The lists or the configuration that decide are not there to be read: only what was decided before is known."""
    pending = next((post for post in f.posts if post.pending), None)
    stands = next((post for post in f.posts if post.wanted not in (ABSENT, UNKNOWN)), None)
    cause = of_post(f, pending) if pending is not None else None
    if cause is not None:
        return (
            _coming(f, held, cause) if stands is pending and cause.until else _kept(f, held, cause, "as it is wanted")
        )
    if stands is not None and held:
        return Answer("It is in the index.", True, "in_index")
    if not f.source.configured:
        why = Cause(
            "not_configured",
            f"the source {f.source.name} is not in the configuration any more",
            "put it back, or retire it (`ei-relay sources retire`)",
        )
    else:
        why = Cause(
            "lists_unreadable",
            f"the source's list cannot be read: {plain(f.source.policy_error)}",
            "correct the list (`ei-relay config check`)",
        )
    return _kept(f, held, why, "by what is configured now")


def _nothing(f: Facts, held: bool | None) -> Answer:
    """No row of it was ever taken, and none that could be taken waits."""
    if f.source.trouble:
        because = f"no row of it has been taken, and its outbox cannot be read: {plain(f.source.trouble)}"
        return Answer(f"It is not in the index, because {because}; ask again when it answers.", held, "outbox_away")
    do = "see whether the booking system wrote a row (`ei-relay outbox check`)"
    return Answer(f"It is not in the index, because no row of it was taken; {do}.", held, "nothing_taken")
