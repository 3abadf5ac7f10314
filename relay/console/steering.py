"""Pausing and resuming a lane: a page that asks for the reason, then the same as the command does, and its audit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from relay.cli.lanes import FIVE_MINUTES
from relay.console.access import Person, Role
from relay.console.desk import Desk
from relay.console.guard import token
from relay.console.show import link, page, problem
from relay.store import audit, overview
from relay.store import lanes as lane_store
from relay.store.lanes import LaneName
from relay.store.transaction import Transaction

_DEEDS: Final = {
    "pause": (
        "Pause the lane",
        "No call is made in this lane until it is resumed. Intake goes on, and every change waits.",
    ),
    "resume": (
        "Resume the lane",
        "A paused lane goes on; a blocked one sends a probe at once; a resting one calls as soon as R-35 allows.",
    ),
}


def ask(desk: Desk, request: Request) -> Response:
    """The page that says what would be done."""
    return _form(desk, request, request.query_params)


def act(desk: Desk, request: Request, form: Mapping[str, str]) -> Response:
    """Do it, write down who and why, and show the lane."""
    person: Person = request.state.person
    reason = form.get("reason", "").strip()
    lane = _lane(desk, form.get("lane", ""))
    do = form.get("do", "")
    if not person.may(Role.OPERATOR) or lane is None or do not in _DEEDS or not reason:
        return _form(desk, request, form, "Say why: it is kept in the audit log.")
    index = desk.settings.engagement_index.get(lane.engagement_index)

    def work(tx: Transaction) -> None:
        lane_store.pause(tx, [lane], paused=do == "pause")
        if do == "resume":
            lane_store.end_rest(tx, lane, index.retry_after_fault if index else FIVE_MINUTES, force=False)
        audit.note(tx, person.name, f"console lanes {do}", str(lane), reason)

    desk.store.transact(work)
    return RedirectResponse(link("/lanes", {}), 303)


def _form(desk: Desk, request: Request, asked: Mapping[str, str], complaint: str | None = None) -> Response:
    person: Person = request.state.person
    if not person.may(Role.OPERATOR):
        return problem(request, 403, "This needs the role {role}.", role=Role.OPERATOR.value)
    lane, do = _lane(desk, asked.get("lane", "")), asked.get("do", "")
    if lane is None or do not in _DEEDS:
        return problem(request, 404, "There is no such lane.")
    title, effect = _DEEDS[do]
    return page(
        request, "act.html", 400 if complaint else 200, title=title, effect=effect, subject=str(lane), do=do,
        complaint=complaint, token=token(person.name),
    )  # fmt: skip


def _lane(desk: Desk, name: str) -> LaneName | None:
    there = (LaneName(row.engagement_index, row.source_system) for row in desk.store.transact(overview.lanes))
    return next((each for each in there if str(each) == name), None)
