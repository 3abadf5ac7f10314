"""An acceptance is kept on the worker's disk until the database has it, so that nothing is sent twice for it (R-32)."""

from __future__ import annotations

import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from relay.flow.delivery.repeats import LIMIT_LASTS
from relay.flow.delivery.spool import MOST, KeptAnswer, Spool
from relay.flow.delivery.step import Outgoing, answer_of, begin, record
from relay.flow.relay import Relay
from relay.flow.schedule.due import due_work
from relay.index.verdict import Kind, Verdict
from relay.post import ABSENT
from relay.settings.spool import spool_folder
from relay.store import lanes
from tests.clock import SetClock
from tests.statements import recorded
from tests.store.steps import alter, alter_lane, lane_row, rows, want

OK = Verdict(Kind.ACCEPTED, "OK", "")
ANSWER = KeptAnswer(7, "c0ffee", "national:SE-1", 3, "OK", 1.5)


@pytest.fixture
def spooling(relay: Relay, tmp_path: Path) -> Relay:
    """A relay with a spool, whose lane has a post."""
    relay.spool = Spool(tmp_path / "spool" / "a1")
    (lane,) = relay.lane_names
    (lane_id,) = relay.store.transact(lambda tx: lanes.of_source(tx, relay.source_of(lane)).values())
    want(relay.store, lane_id, "b-1", "b-2")
    return relay


def call_out(relay: Relay) -> Outgoing:
    (lane,) = relay.lane_names
    outgoing = begin(relay, lane, relay.index_of(lane))
    assert outgoing is not None
    return outgoing


def killed(relay: Relay, outgoing: Outgoing) -> None:
    """The worker read the acceptance, and ends before the database has it."""
    answer = answer_of(outgoing, relay.index_of(outgoing.lane.name), OK)
    assert relay.spool.keep(KeptAnswer(*(getattr(answer, n) for n in answer.__slots__[:-1]), seconds=2.0))


def clock_of(relay: Relay) -> SetClock:
    clock = relay.store._clock
    assert isinstance(clock, SetClock)
    return clock


def files(relay: Relay) -> list[Path]:
    assert relay.spool._folder is not None
    return list(relay.spool._folder.iterdir())


def test_a_worker_that_was_killed_with_an_acceptance_in_its_hands_has_not_forgotten_it(spooling: Relay) -> None:
    """R-32 counts from when the answer came, by the database's clock."""
    outgoing, clock = call_out(spooling), clock_of(spooling)
    began = clock.at
    killed(spooling, outgoing)

    # when the next one looks what is to be done, before or after the lease has run out
    clock.advance(minutes=3)
    due_work(spooling)

    # then it is as if the first one had recorded it
    assert [(row.known, row.sent_at) for row in rows(spooling.store)] == [
        (post.wanted, began + timedelta(seconds=2)) for post in outgoing.due
    ]
    lane = lane_row(spooling.store, outgoing.lane.id)
    assert (lane.open_call, lane.failures, lane.lease_until) == (None, 0, clock.at)
    assert lane.last_success_at == began + timedelta(seconds=2)
    assert files(spooling) == []


@pytest.mark.parametrize("answered_before", ["VP009", "HTTP404", "FAULT:odd"])
def test_what_the_spool_had_kept_ends_the_lanes_faults_as_any_acceptance_does(
    spooling: Relay, answered_before: str
) -> None:
    """Or the next VP009 would be the fourth in a row, and the next bare 404 would block the lane."""
    (name,) = spooling.lane_names
    (lane_id,) = spooling.store.transact(lambda tx: lanes.of_source(tx, spooling.source_of(name)).values())
    clock = clock_of(spooling)
    remembered = {"fault_like": answered_before, "fault_count": 3, "fault_since": clock.at, "fault_call": 1}
    alter_lane(spooling.store, lane_id, **remembered, call_limit=2, failed_posts=100, limit_until=None)
    killed(spooling, call_out(spooling))

    clock.advance(minutes=3)
    due_work(spooling)

    # then size was the cause of it, and what was said of the lane is over; what was said of posts is not
    lane = lane_row(spooling.store, lane_id)
    over = answered_before != "FAULT:odd"
    assert (lane.fault_like, lane.fault_count) == ((None, 0) if over else (answered_before, 3))
    assert (lane.call_limit, lane.limit_until - lane.last_success_at) == (50, LIMIT_LASTS)


@pytest.mark.parametrize("is_delete", [True, False], ids=["a delete", "a present post"])
def test_of_a_post_that_went_alone_for_the_second_time(spooling: Relay, is_delete: bool) -> None:
    """A delete notifies each time: it is said alone twice at most, whoever writes the second time down."""
    store = spooling.store
    first, other = rows(store)
    content = ABSENT if is_delete else first.wanted
    alter(store, first.id, wanted=content, known=content, unconfirmed=1, sent_at=first.wanted_since)
    alter(store, other.id, wanted=ABSENT, known=ABSENT)
    alter_lane(store, first.lane_id, say_again_at=first.wanted_since)
    clock_of(spooling).advance(days=8)
    outgoing = call_out(spooling)
    assert [(post.id, post.again) for post in outgoing.due] == [(first.id, True)]
    killed(spooling, outgoing)
    due_work(spooling)
    assert rows(store)[0].unconfirmed == (0 if is_delete else 1)


def test_an_acceptance_that_was_superseded_is_not_written_down(spooling: Relay) -> None:
    """Somebody else has held the posts in doubt and maybe sent something else: what is known is theirs to say."""
    outgoing, clock = call_out(spooling), clock_of(spooling)
    killed(spooling, outgoing)
    clock.advance(minutes=3)
    begin(spooling, outgoing.lane.name, spooling.index_of(outgoing.lane.name))  # it finds the open call and ends it
    before = rows(spooling.store)

    spooling.replay()

    assert rows(spooling.store) == before
    assert files(spooling) == []


def test_a_lane_that_was_taken_meanwhile_is_left_alone(spooling: Relay) -> None:
    outgoing, clock = call_out(spooling), clock_of(spooling)
    killed(spooling, outgoing)
    clock.advance(minutes=3)
    lane = outgoing.lane
    spooling.store.transact(
        lambda tx: lanes.take(tx, lane.name, timedelta(seconds=70), lane.lease.ends, timedelta(minutes=5))
    )

    spooling.replay()

    assert lane_row(spooling.store, lane.id).open_call == outgoing.call_id
    assert all(row.known != row.wanted for row in rows(spooling.store))


def test_a_call_of_another_relay_is_none_of_ours(spooling: Relay) -> None:
    outgoing = call_out(spooling)
    spooling.spool.keep(KeptAnswer(outgoing.call_id, "another", str(outgoing.lane.name), 1, "OK", 0.0))
    spooling.replay()
    assert lane_row(spooling.store, outgoing.lane.id).open_call == outgoing.call_id


def test_recording_leaves_no_file_and_asks_the_database_nothing_more(
    spooling: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    outgoing = call_out(spooling)
    kept: list[KeptAnswer | None] = []
    keep = spooling.spool.keep
    monkeypatch.setattr(spooling.spool, "keep", lambda answer: kept.append(keep(answer)) or kept[-1])
    with recorded(spooling.store.engine) as statements:
        record(spooling, outgoing, spooling.index_of(outgoing.lane.name), OK)
    assert [answer.call for answer in kept if answer] == [outgoing.call_id]
    assert files(spooling) == []
    assert len([each for each in statements if each.startswith("UPDATE")]) == 3
    # nor does a look at an empty spool
    with recorded(spooling.store.engine) as statements:
        spooling.replay()
    assert statements == []


def test_a_database_that_refuses_for_longer_than_the_lease_leaves_the_acceptance_on_the_disk(spooling: Relay) -> None:
    outgoing = call_out(spooling)
    spooling.store.transact(lambda tx: tx.run(text("ALTER TABLE ei_post RENAME TO elsewhere")))
    object.__setattr__(outgoing.lane.lease, "ends", 0.0)
    with pytest.raises(Exception, match="ei_post"):
        record(spooling, outgoing, spooling.index_of(outgoing.lane.name), OK)
    spooling.store.transact(lambda tx: tx.run(text("ALTER TABLE elsewhere RENAME TO ei_post")))
    due_work(spooling)
    assert all(row.known == row.wanted for row in rows(spooling.store))


def test_a_file_is_for_nobody_else_and_holds_no_personal_data(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool" / "a1")
    assert spool.keep(ANSWER) == ANSWER
    (file,) = (tmp_path / "spool" / "a1").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert set(json.loads(file.read_text())) == {"call", "correlation_id", "lane", "token", "code", "seconds"}
    assert spool.kept() == [ANSWER]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"call": 1}', '{"call": "x"}'])
def test_a_file_that_a_machine_ended_over_is_removed(tmp_path: Path, content: str) -> None:
    (tmp_path / "7.accepted").write_text(content)
    assert Spool(tmp_path).kept() == []
    assert list(tmp_path.iterdir()) == []


def test_the_number_of_files_has_a_bound(tmp_path: Path) -> None:
    for number in range(MOST):
        (tmp_path / f"x{number}.accepted").touch()
    assert Spool(tmp_path).keep(ANSWER) is None


@pytest.mark.parametrize("spoilt", ["a file", "nowhere"])
def test_a_spool_that_cannot_be_written_costs_no_call_anything(tmp_path: Path, spoilt: str) -> None:
    (tmp_path / "file").touch()
    spool = Spool(tmp_path / "file" / "a1" if spoilt == "a file" else None)
    assert spool.keep(ANSWER) is None
    assert spool.kept() == []


def test_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    url = "postgresql+psycopg://relay:one@db/relay"
    assert spool_folder("off", url) is None
    chosen = spool_folder(tmp_path, url)
    assert chosen is not None
    assert chosen.parent == tmp_path
    assert spool_folder(tmp_path, url.replace("one", "another")) == chosen  # a new password is the same relay
    assert spool_folder(tmp_path, url + "2") != chosen
    assert str(spool_folder("", f"sqlite:///{tmp_path}/relay.db")).startswith(f"{tmp_path}/relay.db.spool/")
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    assert str(spool_folder("", url)).startswith(f"{tmp_path}/spool/")


@pytest.mark.parametrize("dialect", ["postgresql"])
@pytest.mark.parametrize(
    "refusal",
    ["25006", "53100", "57014", "40001", "40P01", "55P03", "57P01", "42501", "XX000"],
)
def test_every_refusal_of_the_database_is_waited_out_while_the_lease_lasts(spooling: Relay, refusal: str) -> None:
    # given a database that refuses five times in a row, in one way or the other
    outgoing, store = call_out(spooling), spooling.store
    with store.engine.begin() as connection:
        connection.execute(text("CREATE SEQUENCE refusals"))
        connection.execute(text(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF nextval('refusals') <= 5 THEN RAISE 'no' USING ERRCODE = '{refusal}'; END IF; RETURN NEW; END $$"
        ))  # fmt: skip
        connection.execute(
            text("CREATE TRIGGER refuse BEFORE UPDATE ON ei_call FOR EACH ROW EXECUTE FUNCTION refuse()")
        )
    try:
        # when the answer is recorded, with a lease that goes on
        record(spooling, outgoing, spooling.index_of(outgoing.lane.name), OK)
        # then it is written down
        assert all(row.known == row.wanted for row in rows(store))
    finally:
        with store.engine.begin() as connection:
            connection.execute(text("DROP TRIGGER refuse ON ei_call"))
            connection.execute(text("DROP FUNCTION refuse"))
            connection.execute(text("DROP SEQUENCE refusals"))
