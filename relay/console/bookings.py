"""A booking's story, as `ei-relay why` tells it; and whose it is, for who may know and says why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from relay.console.access import Person, Role
from relay.console.actions import ACTIONS
from relay.console.desk import Desk
from relay.console.guard import token
from relay.console.show import link, page, problem
from relay.flow.inquiry.found import Inquiry
from relay.flow.inquiry.gather import gather
from relay.identity import mask
from relay.outbox.trace import FAR, Reach
from relay.store import audit
from relay.store import bookings as booking_store
from relay.store.transaction import Transaction
from relay.story.answer import Answer
from relay.story.story import Story, tell

READ: Final = "console identity"  # in the audit log
LONGEST: Final = 128  # of a booking's id
NEAR: Final = Reach(seconds=1.0, rows=50_000)  # of the outboxes' settled rows, some 50 ms; further back when asked to


def story(desk: Desk, request: Request) -> Response:
    """The booking that is asked for, or a form to ask."""
    asked = request.query_params
    return _page(
        desk, request, asked.get("q", "").strip(), asked.get("source", ""), asks=asked.get("show") == "identity"
    )


def identity(desk: Desk, request: Request, form: Mapping[str, str]) -> Response:
    """The booking with whose it is, once that is written down: who looked, at which booking, and why."""
    person: Person = request.state.person
    q, source, reason = (form.get(name, "").strip() for name in ("q", "source", "reason"))
    if not person.may(Role.SUPPORT):
        return problem(request, 403, "This needs the role {role}.", role=Role.SUPPORT.value)
    if not source:
        return problem(request, 400, "This page cannot be asked for in that way.")
    if not reason:
        complaint = "Say why: it is written to the access log."
        return _page(desk, request, q, source, asks=True, complaint=complaint, status=400)

    def read(tx: Transaction) -> str | None:
        audit.note(tx, person.name, READ, f"{source} {q}", reason)
        known = booking_store.load(tx, source, [q]).get(q)
        return known.details.resident_id if known is not None and known.details is not None else None

    return _page(desk, request, q, source, identities={source: desk.store.transact(read)})


def _steps(story: Story) -> list[tuple[str, str]]:
    """What an operator may do about what keeps the booking where it is: addresses, and what each does."""
    lanes = {event.facts["post"]: event.facts["lane"] for event in story.events if "lane" in event.facts}
    stuck = [event.facts for event in story.events if event.facts.get("reason") == story.answer.reason]
    posts = [facts["post"] for facts in stuck if "post" in facts]
    if story.answer.reason in ("parked", "discarded"):
        return [(link("/act", {"do": "retry", "on": post}), ACTIONS["retry"].title) for post in posts]
    if story.answer.reason in ("lane_blocked", "lane_paused", "lane_resting"):
        which = sorted({str(lanes[post]) for post in posts if post in lanes})
        return [(link("/act", {"do": "resume", "on": lane}), ACTIONS["resume"].title) for lane in which]
    if story.answer.reason == "held":
        return [(link("/changes", {"source": story.source, "status": "held"}), "Held changes")]
    return []


def headline_of(answer: Answer) -> tuple[str, str]:
    """How the answer looks, and it in a few words."""
    if answer.in_index:
        right = answer.reason in ("in_index", "older_post")
        return ("right", "It is in the index") if right else ("unknown", "It is in the index, but not as it should be")
    if answer.in_index is None:
        return "unknown", "Nobody can say whether it is in the index"
    return ("unknown", "It is not in the index yet") if answer.by else ("wrong", "It is not in the index")


def stories_of(inquiry: Inquiry, booking_id: str, reach: Reach) -> list[Story]:
    """The story of the booking in each source that knows of it."""
    found = inquiry.of_booking(booking_id)
    return [tell(gather(inquiry.relay, each, reach.among(len(found)))) for each in found]


def _page(
    desk: Desk,
    request: Request,
    q: str,
    source: str,
    *,
    asks: bool = False,
    identities: Mapping[str, str | None] | None = None,
    complaint: str | None = None,
    status: int = 200,
) -> Response:
    person: Person = request.state.person
    reach = FAR if request.query_params.get("back") == "far" else NEAR
    inquiry = Inquiry(desk.relay, source or None, reach)
    stories = stories_of(inquiry, q, reach) if 0 < len(q) <= LONGEST else []
    ends = inquiry.back_to if not stories else [e for each in stories for e in each.events if "back_to" in e.facts]
    missing = q and not stories
    further = link("/bookings", {"q": q, "source": source, "back": "far"})
    return page(
        request, "booking.html", 404 if missing else status, stories=stories, q=q if stories else mask(q),
        source=source, sources=sorted(desk.relay.source_names), silent=inquiry.silent,
        missing=mask(q)[:LONGEST] if missing else "", back_to=inquiry.back_to,
        further=further if ends and reach is NEAR and mask(q) == q else None,
        asks=asks, may_see=person.may(Role.SUPPORT), identities=identities or {}, complaint=complaint,
        token=token(person.name), headline_of=headline_of, steps=_steps if person.may(Role.OPERATOR) else None,
    )  # fmt: skip
