"""What the schedule asks for in one message, and when it takes a certificate for renewed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from relay.flow.relay import Relay
from relay.flow.schedule.due import TOGETHER, certificates_changed_at, due_work, in_turns
from relay.outbox.waiting import AT_ONCE
from relay.settings import EngagementIndex, parse
from relay.store import lanes
from tests.clock import SetClock
from tests.index.certificates import Files, MountedSecret
from tests.made import CONTROLLER, SYSTEM
from tests.statements import recorded
from tests.store.steps import alter_lane, want
from tests.waiting import wait_until


def relay_of(databases: list[str]) -> Relay:
    """A relay of a source for each of these databases, which need not be there."""
    source = {"source_systems": [SYSTEM], "data_controller": CONTROLLER, "engagement_index": "practice"}
    sources = [
        source | {"name": f"s-{number}", "source_systems": [f"{SYSTEM}{number}"], "outbox_url": f"sqlite:///{name}.db"}
        for number, name in enumerate(databases)
    ]
    index = {"practice": {"url": "http://index.invalid/", "logical_address": "5565594230"}}
    document = {"environment": "production", "database_url": "sqlite:///relay.db"}
    return Relay(parse(document | {"engagement_index": index, "source": sources}))


def test_idle_outboxes_are_looked_at_ten_databases_to_a_hint() -> None:
    relay = relay_of([f"d-{number}" for number in range(2 * TOGETHER + 5)])

    turns = in_turns(relay, relay.source_names)

    assert [len(turn) for turn in turns] == [TOGETHER, TOGETHER, 5]
    assert [name for turn in turns for name in turn] == list(relay.source_names)


def test_the_outboxes_of_one_database_go_in_one_hint_however_they_are_mixed_with_others() -> None:
    relay = relay_of(["one", "two"] * (AT_ONCE // 2))

    turns = in_turns(relay, relay.source_names)

    assert [len(turn) for turn in turns] == [AT_ONCE]
    assert relay.by_database(turns[0]) == relay.by_database(relay.source_names)
    assert len(relay.by_database(turns[0])) == 2


def test_of_many_outboxes_in_one_database_no_more_than_a_statement_holds_go_together() -> None:
    relay = relay_of(["one"] * (2 * AT_ONCE + 1))

    assert [len(together) for together in relay.by_database(relay.source_names)] == [AT_ONCE, AT_ONCE, 1]
    assert [len(turn) for turn in in_turns(relay, relay.source_names)] == [AT_ONCE, AT_ONCE, 1]


def index(files: Files) -> EngagementIndex:
    return EngagementIndex(
        url="https://index.invalid/",
        logical_address="5565594230",
        client_certificate=files.certificate,
        client_key=files.key,
        ca_bundle=files.ca,
    )


def await_tick(folder: Path) -> None:
    """Until the file system's clock, which is a coarse one, shows another time."""
    probe = folder / "tick"
    probe.touch()
    first = probe.stat().st_ctime

    def ticked() -> bool:
        probe.touch()
        return probe.stat().st_ctime != first

    wait_until(ticked, "a tick of the file system's clock")


@pytest.mark.parametrize("name", ["certificate", "key", "ca"])
def test_given_one_file_written_over_then_it_counts_as_changed(tmp_path: Path, name: str) -> None:
    files = Files(tmp_path, authority := trustme.CA())
    files.write(authority.issue_cert("relay.example"))
    before = certificates_changed_at(index(files))
    await_tick(tmp_path)
    path: Path = getattr(files, name)
    path.write_bytes(path.read_bytes())
    assert certificates_changed_at(index(files)) > before


def test_given_files_prepared_long_ago_then_the_link_that_puts_them_in_place_counts(tmp_path: Path) -> None:
    """A lane that was refused between the two would else wait for its next probe."""
    files = MountedSecret(tmp_path, authority := trustme.CA())
    files.write(authority.issue_cert("relay.example"))
    link = files.prepare(authority.issue_cert("relay.example"))
    await_tick(tmp_path)
    before = certificates_changed_at(index(files))
    await_tick(tmp_path)
    link.replace(tmp_path / "..data")
    assert certificates_changed_at(index(files)) > before


@pytest.mark.parametrize("links", ["missing", "round"])
def test_given_files_that_cannot_be_found_then_nothing_has_changed(tmp_path: Path, links: str) -> None:
    files = Files(tmp_path, trustme.CA())
    files.ca.unlink()
    if links == "round":
        files.ca.symlink_to(files.ca)
    assert certificates_changed_at(index(files)).year == 1970


def test_given_files_whose_clock_is_ahead_then_a_blocked_lane_asks_once(relay: Relay, tmp_path: Path) -> None:
    """R-35. `relay` has its database's clock, weeks behind that of the files."""
    bundle = tmp_path / "ca.pem"
    bundle.touch()
    (lane,) = relay.lane_names
    indexes = relay.settings.engagement_index
    indexes[lane.engagement_index] = relay.index_of(lane).model_copy(update={"ca_bundle": bundle})
    (lane_id,) = relay.store.transact(lambda tx: lanes.of_source(tx, relay.source_of(lane)).values())
    want(relay.store, lane_id, "b-1")
    want(relay.store, lane_id, "b-2", expires_at=datetime.fromtimestamp(bundle.stat().st_ctime, UTC))
    clock = relay.store._clock
    assert isinstance(clock, SetClock)

    def refuse() -> None:
        later = clock.at + timedelta(minutes=15)
        alter_lane(relay.store, lane_id, blocked_code="VP007", failed_at=clock.at, next_call_at=later)

    refuse()
    assert due_work(relay).blocked == []

    clock.at = datetime.fromtimestamp(bundle.stat().st_ctime, UTC) + timedelta(seconds=1)
    with recorded(relay.store.engine) as statements:
        assert due_work(relay).blocked == [lane]
    lanes_at, posts_at = (
        next(n for n, each in enumerate(statements) if f"UPDATE {table}" in each) for table in ("ei_lane", "ei_post")
    )
    assert lanes_at < posts_at  # as the recording of a call does it: or each could wait for the other
    refuse()
    assert due_work(relay).blocked == []
