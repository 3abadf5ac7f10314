"""Posts sent again from a page: which, what that would mean, and then why. As `ei-relay reprocess`, bounded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from relay.console.access import Person, Role
from relay.console.desk import Desk
from relay.console.guard import token
from relay.console.show import page, problem
from relay.flow.actions import operations
from relay.flow.actions.selector import SelectionError, selection
from relay.language.said import quoted
from relay.report.estimate import estimate_of, in_words
from relay.store.selection import STATES, Selection, count

MOST: Final = 50_000  # posts: what a page may begin, and have marked while somebody waits
FIELDS: Final = ("source", "unit", "booking", "state", "code", "since", "until")


def ask(desk: Desk, request: Request) -> Response:
    """The page that asks which posts, and says of those that are named what it would mean."""
    return _page(desk, request, request.query_params)


def send(desk: Desk, request: Request, form: Mapping[str, str]) -> Response:
    """Begin it, and show the runs."""
    person: Person = request.state.person
    reason = form.get("reason", "").strip()
    if not person.may(Role.OPERATOR) or not reason:
        return _page(desk, request, form, "Say why: it is kept in the audit log.")
    try:
        chosen = _chosen(form)
    except SelectionError:
        return _page(desk, request, form)
    if not 0 < count(desk.store, chosen).total() <= MOST:
        return _page(desk, request, form)
    operations.reprocess(desk.store, chosen, operations.Request(person.name, "console reprocess", reason))
    return RedirectResponse("/runs", 303)


def _page(desk: Desk, request: Request, asked: Mapping[str, str], complaint: str | None = None) -> Response:
    person: Person = request.state.person
    if not person.may(Role.OPERATOR):
        return problem(request, 403, "This needs the role {role}.", role=Role.OPERATOR.value)
    given = {name: asked[name].strip() for name in FIELDS if asked.get(name, "").strip()}
    facts: dict[str, Any] = {"number": None, "means": None, "mistake": None}
    status = 400 if complaint else 200
    if given:
        try:
            found = count(desk.store, _chosen(given))
            facts |= {"number": found.total(), "means": in_words(estimate_of(desk.settings, found))}
        except SelectionError as error:
            facts["mistake"], status = quoted(error), 400
    return page(
        request, "resend.html", status, asked=given, complaint=complaint, sources=sorted(desk.relay.source_names),
        states=STATES, most=MOST, token=token(person.name), **facts,
    )  # fmt: skip


def _chosen(asked: Mapping[str, str]) -> Selection:
    given: dict[str, Any] = {name: asked[name] for name in FIELDS if asked.get(name)}
    return operations.to_reprocess(selection(datetime.now(UTC), **given))
