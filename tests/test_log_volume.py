"""What a row costs in PostgreSQL's write-ahead log, from the outbox to its acceptance: what backups and replicas carry.

Without pages in full, which depend on when the last checkpoint was. The log is the whole server's, and autovacuum
writes to it when it likes: what counts is the least of some batches. As in `tests.test_statement_counts` the number
here is the present one and may be lowered.
"""

from __future__ import annotations

from itertools import count

import pytest
from sqlalchemy import text

from relay.database import reading
from relay.flow.intake.step import BATCH
from tests.test_statement_counts import Site
from tests.test_statement_counts import site as site
from tests.waiting import least

PER_ROW = 2350  # bytes; 2180 here. 2450 while posts and rows had no room for their second version, 2750 without COPY


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_row_of_a_backlog(site: Site) -> None:
    numbers = count(0, BATCH)

    def of_a_batch() -> float:
        first = next(numbers)
        site.book(range(first, first + BATCH))
        before = _log(site)
        site.intake()
        site.deliver()
        assert site.calls[-1] == BATCH
        return _log(site) - before

    assert least(of_a_batch, PER_ROW * BATCH) <= PER_ROW * BATCH


def _log(site: Site) -> int:
    with reading(site.relay.store.engine) as connection:
        return int(connection.execute(text("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')")).scalar_one())
