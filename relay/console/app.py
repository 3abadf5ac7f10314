"""The console's pages by their addresses. Each is read from the relay when it is asked for; nothing is kept."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from relay.console import actions, bookings, resending
from relay.console.access import Person, Role
from relay.console.desk import Desk, source_lines, wrong_with_advice
from relay.console.guard import Guard, is_ours
from relay.console.icon import ICON
from relay.console.listing import Listing, Page
from relay.console.lists import LISTS
from relay.console.show import link, page, problem
from relay.flow.actions.selector import SelectionError
from relay.flow.relay import Relay
from relay.language.said import quoted
from relay.outbox.trouble import in_general
from relay.report.facts import csv_cell
from relay.report.health import worth_a_look
from relay.store.migrate import DatabaseNotReady

log = logging.getLogger(__name__)

ROWS: Final = 100  # on a page
CSV_ROWS: Final = 10_000
MOST_WRONG: Final = 12
MOST_LANES: Final = 30
MOST_FORM: Final = 16_384  # bytes
_STYLE: Final = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")


def application(relay: Relay) -> ASGIApp:
    """The console of a relay."""
    desk = Desk(relay)
    routes = [
        Route("/", _reads(desk, _start)),
        Route("/bookings", _reads(desk, bookings.story)),
        Route("/bookings", _writes(desk, bookings.identity), methods=["POST"]),
        Route("/act", _reads(desk, actions.ask)),
        Route("/act", _writes(desk, actions.act), methods=["POST"]),
        Route("/reprocess", _reads(desk, resending.ask)),
        Route("/reprocess", _writes(desk, resending.send), methods=["POST"]),
        Route("/style.css", _static(_STYLE, "text/css")),
        Route("/icon.svg", _static(ICON, "image/svg+xml")),
        *(Route(f"/{name}", _reads(desk, _listing(listing))) for name, listing in LISTS.items()),
        *(Route(f"/{name}.csv", _reads(desk, _csv(name, listing))) for name, listing in LISTS.items()),
    ]
    handlers: Mapping[object, Callable[..., object]] = {
        HTTPException: _no_such_page, SQLAlchemyError: _no_database, DatabaseNotReady: _no_database, Exception: _failed,
    }  # fmt: skip
    return Guard(Starlette(routes=routes, exception_handlers=handlers), relay.settings.console)  # type: ignore[arg-type]


Read = Callable[[Desk, Request], Response]
Write = Callable[[Desk, Request, Mapping[str, str]], Response]


def _reads(desk: Desk, make: Read) -> Callable[[Request], object]:
    async def answer(request: Request) -> Response:
        request.state.environment = desk.settings.environment
        if not all(value.isprintable() for value in request.query_params.values()):  # nothing has such a name
            return problem(request, 404, "There is no such page.")
        return await run_in_threadpool(make, desk, request)

    return answer


def _writes(desk: Desk, make: Write) -> Callable[[Request], object]:
    """What a form asks for, once it is known to be one of ours."""

    async def answer(request: Request) -> Response:
        request.state.environment = desk.settings.environment
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > MOST_FORM:
                return problem(request, 413, "This page cannot be asked for in that way.")
        try:
            form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20))
        except ValueError:  # more fields than any form of ours has
            return problem(request, 400, "This page cannot be asked for in that way.")
        person: Person = request.state.person
        if not is_ours(person.name, form.get("token", "")):
            return problem(request, 403, "The form is out of date: go back, reload the page and try again.")
        if not all(value.isprintable() for value in form.values()):
            return problem(request, 400, "This page cannot be asked for in that way.")
        return await run_in_threadpool(make, desk, request, form)

    return answer


def _start(desk: Desk, request: Request) -> Response:
    seen = desk.health()
    every = 30 if request.query_params.get("refresh") == "on" else None
    lanes = sorted(seen.lanes, key=lambda lane: (lane["state"] in ("open", "calling"), not lane["pending"]))
    return page(
        request, "start.html", seen=seen, lanes=lanes, sources=source_lines(seen), wrong=wrong_with_advice(seen),
        look_at=worth_a_look(seen),        most=MOST_WRONG, lanes_shown=MOST_LANES, every=every,
    )  # fmt: skip


def _listing(listing: Listing) -> Read:
    names = {each.name for each in listing.filters}

    def make(desk: Desk, request: Request) -> Response:
        given = {name: value.strip() for name, value in request.query_params.items() if value.strip()}
        asked = {name: value for name, value in given.items() if name in names}
        place = {name: value for name, value in given.items() if name in listing.place}
        complaint, status, found = None, 200, Page([])
        try:
            found = listing.read(desk, asked | place, ROWS)
        except SelectionError as error:
            complaint, status = quoted(error), 400
        rows, more, searched = found
        here = request.url.path
        numbers = {key for key, _ in listing.columns if any(_is_number(row.get(key)) for row in rows)}
        acts = listing.acts if request.state.person.may(Role.OPERATOR) else None
        return page(
            request, "list.html", status, listing=listing, rows=rows, asked=asked, complaint=complaint, numbers=numbers,
            more=link(here, asked | dict(more)) if more else None, first=link(here, asked) if place else None,
            csv=link(f"{here}.csv", asked), acts=acts, searched=searched,
        )  # fmt: skip

    return make


def _csv(name: str, listing: Listing) -> Read:
    names = {each.name for each in listing.filters}

    def make(desk: Desk, request: Request) -> Response:
        asked = {key: value.strip() for key, value in request.query_params.items() if key in names and value.strip()}
        try:
            rows = listing.read(desk, asked, CSV_ROWS).rows
        except SelectionError as error:
            return PlainTextResponse(f"{error}\n", 400)
        written = io.StringIO()
        writer = csv.writer(written, lineterminator="\n")
        writer.writerow([key for key, _ in listing.columns])
        writer.writerows([csv_cell(row[key]) for key, _ in listing.columns] for row in rows)
        headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
        return Response(written.getvalue(), media_type="text/csv", headers=headers)

    return make


def _static(text: str, kind: str) -> Callable[[Request], object]:
    async def answer(_request: Request) -> Response:
        return Response(text, media_type=kind)

    return answer


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _no_such_page(request: Request, error: HTTPException) -> Response:
    known = {404: "There is no such page."}
    return problem(
        request, error.status_code, known.get(error.status_code, "This page cannot be asked for in that way.")
    )


def _no_database(request: Request, error: Exception) -> Response:
    what = in_general(error) if isinstance(error, SQLAlchemyError) else str(error)
    log.warning("the database did not answer the console: %s", what)
    return problem(request, 503, "The relay's database does not answer. See the runbook, EiRelayDatabaseUnreachable.")


def _failed(request: Request, _error: Exception) -> Response:
    return problem(request, 500, "The page could not be made. The log says why.")
