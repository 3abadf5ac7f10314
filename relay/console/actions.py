"""What an operator does in the console: a page asks for the reason, then it is done as by the command, and audited.

Each is about one lane, one post, one held change or one run. What is about many posts is begun in
`relay.console.resending`, which shows first what it would mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from relay.catalogue import CatalogueError
from relay.console.access import Person, Role
from relay.console.desk import Desk
from relay.console.guard import token
from relay.console.show import page, problem
from relay.flow.actions import operations
from relay.flow.intake import hold
from relay.identity import mask
from relay.language.said import quoted
from relay.store import audit, changes, overview, runs
from relay.store import lanes as lane_store
from relay.store.lanes import LaneName
from relay.store.selection import BIGGEST_KEY, Selection
from relay.store.transaction import Transaction
from relay.story.words import coded


@dataclass(frozen=True, slots=True)
class Action:
    """Something that can be done. `there`: whether what it is about can have it done now."""

    title: str
    about: str  # what it is done to, in a word
    effect: str
    back: str
    there: Callable[[Desk, str], bool]
    do: Callable[[Desk, str, str, str], object]  # about what, by whom, why
    facts: Callable[[Desk, str], Mapping[str, object]] = lambda _desk, _about: {}  # what to know of it first


def ask(desk: Desk, request: Request) -> Response:
    """The page that says what would be done."""
    return _form(desk, request, request.query_params)


def act(desk: Desk, request: Request, form: Mapping[str, str]) -> Response:
    """Do it, write down who and why, and show the list again."""
    person: Person = request.state.person
    action, about, reason = ACTIONS.get(form.get("do", "")), form.get("on", ""), form.get("reason", "").strip()
    if not person.may(Role.OPERATOR) or action is None or not reason or not action.there(desk, about):
        return _form(desk, request, form, "Say why: it is kept in the audit log.")
    try:
        action.do(desk, about, person.name, reason)
    except CatalogueError:
        return _form(desk, request, form, "A list of the source cannot be read: see `ei-relay config check`.")
    return RedirectResponse(action.back, 303)


def _form(desk: Desk, request: Request, asked: Mapping[str, str], complaint: str | None = None) -> Response:
    person: Person = request.state.person
    if not person.may(Role.OPERATOR):
        return problem(request, 403, "This needs the role {role}.", role=Role.OPERATOR.value)
    do, about = asked.get("do", ""), asked.get("on", "")
    action = ACTIONS.get(do)
    if action is None or not action.there(desk, about):
        return problem(request, 404, "There is nothing here that this can be done to.")
    return page(
        request, "act.html", 400 if complaint else 200, action=action, subject=about, do=do, complaint=complaint,
        facts=action.facts(desk, about), token=token(person.name),
    )  # fmt: skip


def _number(about: str) -> int | None:
    number = int(about) if about.isascii() and about.isdecimal() and len(about) <= 19 else 0
    return number if 0 < number <= BIGGEST_KEY else None


# ── lanes ──


def _is_lane(desk: Desk, about: str) -> bool:
    rows = desk.store.transact(overview.lanes)
    return any(str(LaneName(row.engagement_index, row.source_system)) == about for row in rows)


def _pause(desk: Desk, about: str, who: str, reason: str) -> None:
    def work(tx: Transaction) -> None:
        lane_store.pause(tx, [LaneName.parse(about)], paused=True)
        audit.note(tx, who, "console lanes pause", about, reason)

    desk.store.transact(work)


def _resume(desk: Desk, about: str, who: str, reason: str) -> None:
    def work(tx: Transaction) -> None:
        operations.resume(tx, desk.settings, [LaneName.parse(about)])
        audit.note(tx, who, "console lanes resume", about, reason)

    desk.store.transact(work)


# ── posts ──


def _is_parked(desk: Desk, about: str) -> bool:
    number = _number(about)
    rows = desk.store.transact(lambda tx: overview.post_by_id(tx, number)) if number else []
    return any(row.parked_code is not None for row in rows)


def _of_post(desk: Desk, about: str) -> Mapping[str, object]:
    row, *_ = desk.store.transact(lambda tx: overview.post_by_id(tx, int(about)))
    return {
        "Booking": mask(row.booking_id), "Source": row.source, "Care unit": row.care_unit,
        "Cause": coded(row.parked_code, row.parked_text),
    }  # fmt: skip


def _retry(desk: Desk, about: str, who: str, reason: str) -> None:
    request = operations.Request(who, "console parked retry", reason)
    operations.retry(desk.store, Selection(keys=(int(about),)), request, bulk=False)


def _discard(desk: Desk, about: str, who: str, reason: str) -> None:
    operations.discard(
        desk.store, Selection(keys=(int(about),)), operations.Request(who, "console parked discard", reason)
    )


# ── held changes ──


def _is_held(desk: Desk, about: str) -> bool:
    number = _number(about)
    row = desk.store.transact(lambda tx: changes.by_id(tx, number)) if number else None
    return row is not None and row.status == changes.HELD and row.ended_at is None


def _of_change(desk: Desk, about: str) -> Mapping[str, object]:
    row = desk.store.transact(lambda tx: changes.by_id(tx, int(about)))
    assert row is not None
    return {
        "Source": row.source, "Held since": row.held_at, "Removed": row.removed, "Moved": row.moved,
        "Created": row.created, "Why": quoted(row.why),
    }  # fmt: skip


def _approve(desk: Desk, about: str, who: str, reason: str) -> None:
    row = desk.store.transact(lambda tx: changes.by_id(tx, int(about)))
    assert row is not None
    configured = row.source in desk.relay.source_names
    rules = desk.relay.source(row.source).policies.rules() if configured else None
    hold.approve(desk.store, int(about), rules, who, reason)


def _reject(desk: Desk, about: str, who: str, reason: str) -> None:
    hold.reject(desk.store, int(about), who, reason)


# ── runs ──


def _is_run(desk: Desk, about: str) -> bool:
    number = _number(about)
    row = desk.store.transact(lambda tx: runs.get(tx, number)) if number else None
    return row is not None and row.cancelled_at is None


def _of_run(desk: Desk, about: str) -> Mapping[str, object]:
    row = desk.store.transact(lambda tx: runs.get(tx, int(about)))
    assert row is not None
    return {"Selection": row.selection, "Who": row.who, "Reason": row.reason, "Started": row.started_at}


def _cancel(desk: Desk, about: str, who: str, reason: str) -> None:
    undone = runs.cancel(desk.store, int(about))
    subject = f"run {about}: given back={undone}"
    desk.store.transact(lambda tx: audit.note(tx, who, "console reprocess cancel", subject, reason))


ACTIONS: Final = {
    "pause": Action(
        "Pause the lane", "Lane",
        "No call is made in this lane until it is resumed. Intake goes on, and every change waits.",
        "/lanes", _is_lane, _pause,
    ),
    "resume": Action(
        "Resume the lane", "Lane",
        "A paused lane goes on; a blocked one sends a probe at once; a resting one calls as soon as R-35 allows.",
        "/lanes", _is_lane, _resume,
    ),
    "retry": Action(
        "Retry the post", "Post",
        "It is sent again in its turn. If it is still wrong, it is refused and parked again.",
        "/parked", _is_parked, _retry, _of_post,
    ),
    "discard": Action(
        "Discard the post", "Post",
        "It stays as it is in the index and leaves this list, until its booking changes or its time passes.",
        "/parked", _is_parked, _discard, _of_post,
    ),
    "approve": Action(
        "Approve the change", "Change",
        "What was held is done now, at the pace of a mass resend (R-34): posts are removed, moved and created.",
        "/changes", _is_held, _approve, _of_change,
    ),
    "reject": Action(
        "Reject the change", "Change",
        "The posts stay as they are, until the bookings or the lists change again.",
        "/changes", _is_held, _reject, _of_change,
    ),
    "cancel": Action(
        "Cancel the resend", "Resend",
        "It marks no more posts, and those of it that have not gone out are not sent again. What went out stays sent.",
        "/runs", _is_run, _cancel, _of_run,
    ),
}  # fmt: skip
