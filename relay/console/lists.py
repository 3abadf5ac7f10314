"""Each list of the console, read with the questions that the command behind it asks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Row

from relay.catalogue import read_care_units
from relay.console.desk import Desk
from relay.console.listing import Asked, Filter, Listing, Page
from relay.flow.actions.selector import SelectionError, instant, selection
from relay.index.verdict import Kind
from relay.language.said import Both, quoted, say
from relay.onboarding import look, process, steps
from relay.report.facts import (
    call_facts,
    change_facts,
    lane_facts,
    rejected_facts,
    run_facts,
    short_facts,
    step_facts,
    unit_facts,
    worker_facts,
)
from relay.settings import ALL
from relay.store import answered, audit, changes, overview, rejected, runs, workers
from relay.store.calls import LOST, NOT_MADE
from relay.store.lanes import LaneName
from relay.store.selection import BIGGEST_KEY, STATES, part
from relay.story.words import HOW_TO_WRITE, content, fields_of, one_after_the_other

MOST_WINDOWS: Final = 4  # of posts that are looked through for a page: a fraction of a second's work
LONGEST_PAGE: Final = 500  # rows; a longer list is a file, for which all is looked through
_REST: Final = "evidence, or what is next"
_SOURCE: Final = Filter("source", "Source")
_TIMES: Final = (Filter("since", "Since"), Filter("until", "Until"))
_VERDICTS: Final = (*(kind.value for kind in Kind), LOST, NOT_MADE)
_CHANGE_STATES: Final = (changes.HELD, changes.APPROVED, changes.REJECTED, changes.WITHDRAWN)
_LANE_STATES: Final = ("paused", "blocked", "calling", "resting", "open")


def _number(asked: Asked, name: str) -> int | None:
    text = asked.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > 19 or not 0 < int(text) <= BIGGEST_KEY:
        raise SelectionError(f"{name}: expected a whole number")
    return int(text)


def _lanes(desk: Desk, asked: Asked, limit: int) -> Page:
    rows, failed, now = desk.store.transact(overview.lanes_and_failures)
    facts = [lane_facts(row, now, failed.get(row.id)) for row in rows]
    wanted = {name: asked[name] for name in ("source", "state") if asked.get(name)}
    found = [each for each in facts if all(each[name] == value for name, value in wanted.items())]
    found = [each for each in found if str(each["lane"]) > asked.get("after", "")]
    found.sort(key=lambda each: str(each["lane"]))
    return Page(found[:limit], {"after": found[limit - 1]["lane"]} if len(found) > limit else None)


def _calls(desk: Desk, asked: Asked, limit: int) -> Page:
    chosen = selection(datetime.now(UTC), **_given(asked, "source", "code", "since", "until"))
    question = answered.Asked(
        lane=LaneName.parse(asked["lane"]) if asked.get("lane") else None,
        source=chosen.source,
        verdict=asked.get("verdict") or None,
        code=chosen.code.upper() if chosen.code else None,
        correlation_id=asked.get("correlation") or None,
        since=chosen.since,
        until=chosen.until,
        before=_number(asked, "before"),
    )
    rows = desk.store.transact(lambda tx: answered.page(tx, question, limit + 1))
    return _page([call_facts(row) for row in rows], limit, "before", "call")


def _posts(desk: Desk, asked: Asked, limit: int) -> Page:
    given = _given(asked, "source", "unit", "booking", "code", "lane", "since", "until")
    state = asked.get("state")
    if state and state not in STATES:
        raise SelectionError(f"state: expected one of {', '.join(STATES)}")
    chosen = selection(datetime.now(UTC), state=(state,) if state else (), **given)
    most = 1 if given.get("code") else MOST_WINDOWS  # a code leads to calls: each window is a join with those
    windows = most if limit <= LONGEST_PAGE else None
    rows, searched = part(desk.store, chosen, _number(asked, "after") or 0, limit + 1, windows)
    facts = [
        {
            **short_facts(row), "wanted": content(row.wanted), "known": content(row.known),
            "text": quoted(row.parked_text or ""), "parked_at": row.parked_at,
        }
        for row in rows
    ]  # fmt: skip
    if searched is not None and len(facts) <= limit:
        return Page(facts, {"after": searched}, searched=True)
    return _page(facts, limit, "after", "key")


def _parked(desk: Desk, asked: Asked, limit: int) -> Page:
    return _posts(desk, {**asked, "state": "parked"}, limit)


def _rejected(desk: Desk, asked: Asked, limit: int) -> Page:
    now = datetime.now(UTC)
    known = {row.name for row in desk.store.transact(overview.sources)} | set(desk.relay.source_names)
    names = sorted(name for name in known if asked.get("source") in (None, "", name))
    since, until = (instant(name, asked.get(name) or None, now) for name in ("since", "until"))
    before, row_id = None, _number(asked, "row")
    if row_id is not None:
        at = instant("at", asked.get("at") or None, now)
        before = rejected.Place(at, asked.get("of", ""), row_id) if at is not None else None
    rows = desk.store.transact(lambda tx: rejected.listed(tx, names, since, until, before, limit + 1))
    more = None
    if len(rows) > limit:
        last = rows[limit - 1]
        more = {"at": last.settled_at.isoformat(), "of": last.source, "row": last.row_id}
    return Page([_rejected_line(row) for row in rows[:limit]], more)


def _rejected_line(row: Row[Any]) -> dict[str, object]:
    how = [say("{field}: {how}", field=name, how=HOW_TO_WRITE[name]) for name in fields_of(row.reason or "")]
    facts = rejected_facts(row)
    right = one_after_the_other(how, "{first}; {rest}") if how else None
    return facts | {"reason": quoted(facts["reason"]), "write_it_as": right}


def _changes(desk: Desk, asked: Asked, limit: int) -> Page:
    before, source, status = _number(asked, "before"), asked.get("source") or None, asked.get("status") or None
    rows = desk.store.transact(lambda tx: changes.page(tx, limit + 1, before, source, status))
    return _page([change_facts(row) | {"why": quoted(row.why)} for row in rows], limit, "before", "change")


def _units(desk: Desk, asked: Asked, limit: int) -> Page:
    facts: list[dict[str, object]] = []
    for source in desk.settings.source:
        if source.care_units != ALL and asked.get("source") in (None, "", source.name):
            facts += [unit_facts(source, unit) for unit in read_care_units(source.care_units).values()]
    if asked.get("unit"):
        facts = [each for each in facts if each["hsa_id"] == asked["unit"].strip().upper()]
    facts.sort(key=_unit_place)
    after = (asked.get("of", ""), asked.get("after", ""))
    facts = [each for each in facts if _unit_place(each) > after]
    last = facts[limit - 1] if len(facts) > limit else None
    return Page(facts[:limit], {"of": last["source"], "after": last["hsa_id"]} if last else None)


def _unit_place(facts: dict[str, object]) -> tuple[str, str]:
    return str(facts["source"]), str(facts["hsa_id"])


def _runs(desk: Desk, asked: Asked, limit: int) -> Page:
    before = _number(asked, "before")
    found = desk.store.transact(lambda tx: runs.listed(tx, limit + 1, before))
    return _page([run_facts(row, waiting) for row, waiting in found], limit, "before", "run")


def _workers(desk: Desk, asked: Asked, limit: int) -> Page:
    rows, now = desk.store.transact(lambda tx: (workers.every(tx), tx.now))
    return _part(worker_facts(rows, now), asked, limit)


def _audit(desk: Desk, asked: Asked, limit: int) -> Page:
    before, command, who = _number(asked, "before"), asked.get("command") or None, asked.get("who") or None
    rows = desk.store.transact(lambda tx: audit.latest(tx, limit + 1, before, command, who))
    return _page([dict(row._mapping) for row in rows], limit, "before", "id")


def _onboarding(desk: Desk, asked: Asked, limit: int) -> Page:
    sources = [source for source in desk.settings.source if asked.get("source") in (None, "", source.name)]
    found, in_use = [], desk.units_in_use()
    for environment in process.ENVIRONMENTS:
        if asked.get("environment") in (None, "", environment):
            known = desk.store.transact(
                lambda tx, e=environment: look.every_fact(tx, e, sources, in_use)  # type: ignore[misc]
            )
            found += [_step(s) for name, facts in known.items() for s in steps.states(environment, name, facts)]
    return _part(found, asked, limit)


def _part(facts: list[dict[str, object]], asked: Asked, limit: int) -> Page:
    """A page of what is as long as the configuration, or as there are processes: it is all read, and counted off."""
    after = _number(asked, "after") or 0
    return Page(facts[after : after + limit], {"after": after + limit} if len(facts) > after + limit else None)


def _step(state: steps.State) -> dict[str, object]:
    facts, step = step_facts(state), process.step_named(state.environment, state.step)
    by = Both("the relay", "reläet") if state.by == steps.BY_ITSELF else state.by
    rest = facts[_REST]
    first = [process.step_named(state.environment, key) for key in state.waits_for]
    if first and not state.missing:
        rest = Both(str(rest), f"väntar på: {'; '.join(each.swedish for each in first if each is not None)}")
    return facts | {
        "what": Both(state.title, step.swedish) if step is not None else state.title, "by": by,
        _REST: rest if isinstance(rest, Both) else quoted(rest) if rest else None,
    }  # fmt: skip


def _given(asked: Asked, *names: str) -> dict[str, Any]:
    return {name: asked[name] for name in names if asked.get(name)}


def _page(facts: list[Any], limit: int, parameter: str, key: str) -> Page:
    return Page(facts[:limit], {parameter: facts[limit - 1][key]} if len(facts) > limit else None)


def _about_lane(row: Mapping[str, object]) -> tuple[str, ...]:
    return ("resume",) if row["state"] in ("paused", "blocked", "resting") else ("pause",)


def _about_change(row: Mapping[str, object]) -> tuple[str, ...]:
    return ("approve", "reject") if row["status"] == changes.HELD else ()


def _about_run(row: Mapping[str, object]) -> tuple[str, ...]:
    return ("cancel",) if row["state"] in ("marking", "sending") else ()


LISTS: Final = {
    "lanes": Listing("Lanes", (
        ("lane", "Lane"), ("source", "Source"), ("state", "State"), ("code", "Code"), ("text", "Cause"),
        ("since", "Since"), ("next_call_at", "Calls next"), ("pending", "Pending"),
        ("oldest_pending_seconds", "Oldest pending"), ("failures", "Failures"), ("last_success_at", "Last success"),
    ), _lanes, (_SOURCE, Filter("state", "State", _LANE_STATES)), ("after",), "ei-relay lanes list", _about_lane),
    "calls": Listing("Calls", (
        ("call", "Number"), ("lane", "Lane"), ("started_at", "Started"), ("seconds", "Seconds"), ("posts", "Posts"),
        ("verdict", "Verdict"), ("code", "Code"), ("text", "Text"), ("correlation_id", "Correlation id"),
    ), _calls, (Filter("lane", "Lane"), _SOURCE, Filter("verdict", "Verdict", _VERDICTS), Filter("code", "Code"),
                Filter("correlation", "Correlation id"), *_TIMES), ("before",), "ei-relay calls list"),
    "posts": Listing("Posts", (
        ("key", "Key"), ("source", "Source"), ("lane", "Lane"), ("booking_id", "Booking"), ("care_unit", "Care unit"),
        ("state", "State"), ("wanted", "Wanted"), ("known", "Known"), ("wanted_since", "Waits since"),
        ("sent_at", "Last sent"), ("code", "Code"),
    ), _posts, (Filter("state", "State", tuple(STATES)), _SOURCE, Filter("lane", "Lane"), Filter("unit", "Care unit"),
                Filter("booking", "Booking id"), Filter("code", "Code"), *_TIMES), ("after",), "ei-relay posts list"),
    "parked": Listing("Parked posts", (
        ("key", "Key"), ("source", "Source"), ("booking_id", "Booking"), ("care_unit", "Care unit"), ("code", "Code"),
        ("text", "Text"), ("parked_at", "Since"),
    ), _parked, (_SOURCE, Filter("unit", "Care unit"), Filter("code", "Code"), *_TIMES), ("after",),
        "ei-relay parked list", lambda _row: ("retry", "discard")),
    "rejected": Listing("Rejected rows", (
        ("source", "Source"), ("row", "Row"), ("booking_id", "Booking"), ("rejected_at", "When"), ("reason", "Reason"),
        ("write_it_as", "Write it as"),
    ), _rejected, (_SOURCE, *_TIMES), ("at", "of", "row"), "ei-relay rows rejected"),
    "changes": Listing("Held changes", (
        ("change", "Number"), ("source", "Source"), ("kind", "Kind"), ("status", "Status"), ("held_at", "Held since"),
        ("removed", "Removed"), ("moved", "Moved"), ("created", "Created"), ("decided_by", "Decided by"),
        ("reason", "Reason"), ("why", "Why"),
    ), _changes, (_SOURCE, Filter("status", "Status", _CHANGE_STATES)), ("before",), "ei-relay changes list",
        _about_change),
    "units": Listing("Care units", (
        ("source", "Source"), ("hsa_id", "Care unit"), ("name", "Name"), ("county", "County"),
        ("connected", "Connected"), ("data_controller", "Data controller"),
    ), _units, (_SOURCE, Filter("unit", "Care unit")), ("of", "after"), "ei-relay units list"),
    "runs": Listing("Resends", (
        ("run", "Number"), ("state", "State"), ("selection", "Selection"), ("who", "Who"), ("reason", "Reason"),
        ("started_at", "Started"), ("matched", "Matched"), ("resent", "Resent"), ("waiting", "Waiting"),
    ), _runs, (), ("before",), "ei-relay reprocess list", _about_run),
    "workers": Listing("Workers", (
        ("host", "Host"), ("instance", "Process"), ("version", "Version"), ("alive", "Alive"),
        ("started_at", "Started"), ("seen_at", "Last seen"),
        ("clock_difference_ms", "Clock difference, ms"), ("other_lists", "Other lists"),
    ), _workers, (), ("after",), "ei-relay workers list"),
    "audit": Listing("Audit log", (
        ("id", "Number"), ("at", "When"), ("who", "Who"), ("command", "Command"), ("subject", "Subject"),
        ("reason", "Reason"),
    ), _audit, (Filter("command", "Command"), Filter("who", "Who")), ("before",), "ei-relay audit list"),
    "onboarding": Listing("Onboarding", (
        ("environment", "Environment"), ("source", "Source"), ("no", "Number"), ("what", "Step"), ("state", "State"),
        ("by", "By"), ("date", "Date"), ("evidence, or what is next", "Evidence, or what is next"),
    ), _onboarding, (Filter("environment", "Environment", tuple(process.ENVIRONMENTS)), _SOURCE), ("after",),
        "ei-relay onboarding steps"),
}  # fmt: skip
"""By the last part of their address."""
