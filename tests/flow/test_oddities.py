"""What looks unlike the rest of an outbox is kept by a look an hour, and `status` shows it without looking itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from relay.flow.maintenance.oddities import EVERY, look_due
from relay.flow.relay import Relay
from relay.store import notes
from tests.clock import SetClock
from tests.flow.site import FlowSite
from tests.made import RESIDENT
from tests.statements import recorded
from tests.store.conftest import SOURCE

ODD = {
    "data_controller is neither": {"data_controller": "Region Nord"},
    "One organisation is written in several ways": {"data_controller": "2321000016"},
    "care_unit has not the form": {"care_unit": "1HZ5"},
    "starts_at may be written in UTC": {"starts_at": "2026-12-24 06:30:00"},
    "created_at lies up to": {"created_at": "2040-01-01 00:00:00+00:00"},
}


def put(relay: Relay, number: int, **said: object) -> None:
    row = {
        "operation": "upsert", "resident_id": RESIDENT, "care_unit": "SE2321000016-1HZ5",
        "starts_at": "2026-12-24 10:30:00", "data_controller": "SE232100-0016",
        "created_at": "2020-01-01 00:00:00+00:00",
    } | said  # fmt: skip
    with relay.store.engine.begin() as connection:
        names = ", ".join(row)
        values = ", ".join(f":{name}" for name in row)
        statement = text(f"INSERT INTO ei_outbox (booking_id, {names}) VALUES (:booking, {values})")
        connection.execute(statement, [row | {"booking": f"b-{n}"} for n in range(number)])


def kept(relay: Relay) -> list[str]:
    found = relay.store.transact(lambda tx: notes.of(tx, notes.ODD)).get(SOURCE)
    return list(found.said["texts"]) if found is not None else []


@pytest.mark.parametrize(("told", "said"), ODD.items())
def test_what_is_odd_is_kept_and_gone_when_it_is_right(
    relay: Relay, clock: SetClock, told: str, said: dict[str, object]
) -> None:
    put(relay, 36)
    look_due(relay)
    assert kept(relay) == []
    put(relay, 4, **said)
    look_due(relay)  # within the hour: nobody looks
    assert kept(relay) == []
    clock.at += EVERY
    look_due(relay)
    (only,) = kept(relay)
    assert told in only
    put(relay, 500)
    clock.at += EVERY
    look_due(relay)
    assert kept(relay) == []


def test_an_outbox_that_cannot_be_looked_at_leaves_what_was_kept(relay: Relay, clock: SetClock) -> None:
    put(relay, 30, data_controller="Region Nord")
    look_due(relay)
    with relay.store.engine.begin() as connection:
        connection.execute(text("DROP TABLE ei_outbox"))
    clock.at += EVERY
    look_due(relay)
    assert len(kept(relay)) == 1


def test_status_shows_it_as_worth_a_look_and_calls_nothing_wrong(tmp_path: Path) -> None:
    site = FlowSite(tmp_path, url="http://127.0.0.1:1/Update")
    site.ask("INSERT INTO ei_outbox (operation, booking_id, data_controller) VALUES ('upsert', 'B', 'Region Nord')")
    site.take_in()
    look_due(site.relay)
    status = site.status()
    assert status["look_at"] == [
        'source tidbok: data_controller is neither an organisation number nor an HSA-id in "Region Nord".'
    ]
    assert not [line for line in status["wrong"] if "data_controller" in line]
    site.close()


def test_a_look_costs_the_same_however_many_rows_there_are(relay: Relay, clock: SetClock) -> None:
    counts = []
    for number in (10, 3000):
        put(relay, number)
        clock.at += EVERY
        with recorded(relay.store.engine) as statements:
            look_due(relay)
        counts.append(len(statements))
    assert counts[1] <= counts[0]
