"""The answer to "is this booking in the index, and if not, why?": one sentence, a stable code, yes, no or unknown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from relay.language.said import Said, say
from relay.post import ABSENT, UNKNOWN
from relay.story.cause import Cause, no_worker, restore_suspected
from relay.story.causes import of_booking, of_held, of_post, of_rows
from relay.story.facts import Facts
from relay.story.words import by, plain

FOLLOWED: timedelta = timedelta(minutes=3)  # within which workers follow a change of the lists


@dataclass(frozen=True, slots=True)
class Answer:
    """`in_index`: None where nobody can say. `by`: when that will have changed; None: it will not by itself."""

    sentence: Said
    in_index: bool | None
    reason: str
    by: datetime | None = None


def answer(f: Facts) -> Answer:
    """The answer for one booking."""
    restored = restore_suspected(f)
    if restored is not None:  # what our database knows of the index may be older than what the index holds
        said = say(
            "Nobody can say whether it is in the index, because {because}; {do}.",
            because=restored.because, do=restored.do,
        )  # fmt: skip
        return Answer(said, None, restored.code)
    held, target = _held(f), f.target
    rows = of_rows(f)
    if rows is not None and rows.until is None:
        return _kept(held, rows, say("as the booking system last wrote it"))
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
        return _coming(f, held, late) if late.until else _kept(held, late, say("as it should be"))
    cause = of_post(f, target)
    if cause is None:
        return _settled(f)
    return _coming(f, held, cause) if cause.until else _kept(held, cause, say("as it is wanted"))


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
            when = (
                say("goes by {time}", time=by(cause.until, f.now))
                if cause.until
                else say("stays, because {because}; {do}", because=cause.because, do=cause.do)
            )
            unit = plain(old.care_unit)
            said = say("It is in the index; its older post (care unit {unit}) {when}.", unit=unit, when=when)
            return Answer(said, True, "older_post", cause.until)
    return Answer(say("It is in the index."), True, "in_index")


def _coming(f: Facts, held: bool | None, cause: Cause) -> Answer:
    assert cause.until is not None
    when = by(cause.until, f.now)
    if held:
        said = say("It is in the index as it was; as it is now it will be there by {when}.", when=when)
        return Answer(said, True, cause.code, cause.until)
    return Answer(say("It will be in the index by {when}.", when=when), held, cause.code, cause.until)


def _kept(held: bool | None, cause: Cause, how: Said) -> Answer:
    because, do = cause.because, cause.do
    if held:
        said = say("It is in the index, but not {how}, because {because}; {do}.", how=how, because=because, do=do)
    elif held is None:
        said = say(
            "It is not in the index, because the outcome of its last call is unknown and {because}; {do}.",
            because=because, do=do,
        )  # fmt: skip
    else:
        said = say("It is not in the index, because {because}; {do}.", because=because, do=do)
    return Answer(said, held, cause.code)


def _guarded(f: Facts, held: bool | None, guarded: Cause, why: Cause | None) -> Answer:
    """Its posts stay as they were until somebody decides; `why`: it should have none."""
    if why is None:
        return _kept(held, guarded, say("as it should be"))
    stands = next((post for post in f.posts if post.wanted != ABSENT and post.pending), None)
    cause = of_post(f, stands) if stands is not None else None
    if held is False and cause is not None:  # what was wanted before is still to be sent
        return _coming(f, held, cause) if cause.until else _kept(held, cause, say("as it is wanted"))
    said = (
        say("It is still in the index, though {why}, because {because}; {do}.", **_words(why, guarded))
        if held
        else say("It may be in the index still, though {why}, because {because}; {do}.", **_words(why, guarded))
    )
    return Answer(said, held, guarded.code)


def _withheld(f: Facts, held: bool | None, why: Cause, rows: Cause | None) -> Answer:
    """It should have no post: is one there still?"""
    if held is False and not (rows and any(post.pending for post in f.posts)):
        said = say("It is not in the index, because {because}; {do}.", because=why.because, do=why.do)
        return Answer(said, False, why.code)
    causes = [cause for post in f.posts if (cause := of_post(f, post)) is not None]
    stuck = next((cause for cause in causes if cause.until is None), None)
    if stuck is not None:
        return Answer(_though(held, why, stuck), held, stuck.code)
    last = max([*causes, *([rows] if rows else [])], key=lambda c: c.until or f.now, default=None)
    late = last or _followed(f)
    if late.until is None:
        return Answer(_though(True, why, late), held, late.code)
    when = by(late.until, f.now)
    if late.code == "company":
        still = say("is still") if held else say("may still be")
        said = say(
            "It {still} in the index until {when}: {because}; it should go, because {why}.",
            still=still, when=when, because=late.because, why=why.because,
        )  # fmt: skip
        return Answer(said, held, late.code, late.until)
    known = "" if held else say(", for all that is known,")
    said = say(
        "It is in the index{known} and will be gone by {when}, because {why}.",
        known=known, when=when, why=why.because,
    )  # fmt: skip
    return Answer(said, held, why.code, late.until)


def _though(held: bool | None, why: Cause, cause: Cause) -> Said:
    """A post is, or may be, where there should be none."""
    if held:
        return say("It is in the index, though {why}, because {because}; {do}.", **_words(why, cause))
    return say("It may be in the index, though {why}, because {because}; {do}.", **_words(why, cause))


def _words(why: Cause, cause: Cause) -> dict[str, Said]:
    return {"why": why.because, "because": cause.because, "do": cause.do}


def _followed(f: Facts) -> Cause:
    """What is wanted of the posts is not yet what the booking, the lists and the time ask for."""
    cause = no_worker(f)
    if cause is not None:
        return cause
    if f.source.policy_error:
        return Cause(
            "lists_unreadable",
            say(
                "the source's list cannot be read, and the list read before stands: {why}",
                why=plain(f.source.policy_error),
            ),
            say("correct the list (`ei-relay config check`)"),
        )
    because = say("the bookings are being evaluated by the lists as they are now")
    return Cause("lists_changed", because, until=f.now + FOLLOWED)


def _undecided(f: Facts, held: bool | None) -> Answer:
    """The lists or the configuration that decide are not there to be read: only what was decided before is known."""
    pending = next((post for post in f.posts if post.pending), None)
    stands = next((post for post in f.posts if post.wanted not in (ABSENT, UNKNOWN)), None)
    cause = of_post(f, pending) if pending is not None else None
    if cause is not None:
        as_wanted = stands is pending and cause.until
        return _coming(f, held, cause) if as_wanted else _kept(held, cause, say("as it is wanted"))
    if stands is not None and held:
        return Answer(say("It is in the index."), True, "in_index")
    if not f.source.configured:
        why = Cause(
            "not_configured",
            say("the source {source} is not in the configuration any more", source=f.source.name),
            say("put it back, or retire it (`ei-relay sources retire`)"),
        )
    else:
        why = Cause(
            "lists_unreadable",
            say("the source's list cannot be read: {why}", why=plain(f.source.policy_error)),
            say("correct the list (`ei-relay config check`)"),
        )
    return _kept(held, why, say("by what is configured now"))


def _nothing(f: Facts, held: bool | None) -> Answer:
    """No row of it was ever taken, and none that could be taken waits."""
    if f.source.trouble:
        because = say("no row of it has been taken, and its outbox cannot be read: {why}", why=plain(f.source.trouble))
        do = say("ask again when it answers")
    else:
        because = say("no row of it was taken")
        do = say("see whether the booking system wrote a row (`ei-relay outbox check`)")
    said = say("It is not in the index, because {because}; {do}.", because=because, do=do)
    return Answer(said, held, "outbox_away" if f.source.trouble else "nothing_taken")
