"""The bench's peers: that what they send, what is expected and what the sandbox says of it fit together. No rates."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from zeep.exceptions import Fault

from relay.database import connect
from relay.outbox import ddl
from relay.sandbox.server import Sandbox
from tests.bench.curve import Point
from tests.bench.index import Accepted, Index, Seen
from tests.bench.peers import workload
from tests.bench.peers.measure import Seat
from tests.bench.picture import draw
from tests.bench.tables import as_text, of_peers


@pytest.fixture
def index() -> Iterator[Index]:
    with Sandbox() as sandbox:
        url = sandbox.url
        yield Index(sandbox.update_url, list, lambda: None, f"{url}/api")


def test_a_script_that_sends_rows_is_right_until_bookings_change(
    postgres_url: str, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_DATABASE", postgres_url)
    monkeypatch.setenv("BENCH_INDEX", index.url)
    from tests.bench.peers import batch_script

    engine = connect(postgres_url)
    ddl.create(engine)
    before = workload.backlog(10)
    after = workload.changes(before, 2)

    # Given bookings that are all different, when it has run, then the index holds them
    workload.write(engine, before)
    batch_script.run()
    assert index.posts() == workload.expected(before)
    assert index.seen().breaches == {}
    # When some of them change twice, then one call has a key twice, and all of it is refused
    workload.write(engine, after)
    with pytest.raises(Fault, match="EI002"):
        batch_script.run()
    assert index.seen().breaches == {"R-11": 1}
    assert index.posts().keys() - workload.expected([*before, *after]).keys()  # ghosts
    engine.dispose()


def test_what_the_changes_leave() -> None:
    # Of each six bookings three stay: one at its third time, one at its second unit, one that was cancelled by mistake
    before = workload.backlog(5)
    left = workload.expected([*before, *workload.changes(before, 1)])

    assert {booking for _, booking in left} == {"booking-1", "booking-3", "booking-5"}
    assert left.keys() - workload.expected(before).keys() == {("SE2321000016-4", "booking-3")}


def test_a_seat_says_what_it_broke() -> None:
    whole = Seat("a", Accepted(2, 2000, 900.0), Seen(2, 2000, {"R-09": 1}), 0, 0, 0, 0)
    seats = [whole, whole._replace(ghosts=1), whole._replace(seen=Seen(2, 2000, {"R-31": 3}))]

    assert [line["kept"] for line in of_peers(seats)] == ["yes", "no", "no"]
    assert as_text(of_peers(seats)).count("\n") == 3


def test_the_picture_is_of_the_points() -> None:
    picture = draw([Point("sources", 4, 1234.4, 0.03), Point("posts there", 10_000, 617.2, 0.04)], "2 cores & more")

    assert all(text in picture for text in ("1 234", "617", "0.030", "10 000", "2 cores &amp; more"))
