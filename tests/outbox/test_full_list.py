"""What a query over a booking system's own tables may say, on each kind of database that can be had."""

from __future__ import annotations

import resource
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from relay.listing import ListingError
from relay.outbox.full_list import read_list

SHORT = timedelta(seconds=20)
COLUMNS = "id AS booking_id, resident AS resident_id, unit AS care_unit"


@pytest.fixture
def url(engine: Engine) -> str:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE appointment (id VARCHAR(80), resident VARCHAR(2000), unit VARCHAR(64))"))
        connection.execute(
            text("INSERT INTO appointment VALUES ('b-1', :long, 'u:nit'), ('b-2', '1', NULL)"), {"long": "x" * 2000}
        )
    return engine.url.render_as_string(hide_password=False)


@pytest.mark.parametrize("query", [
    "SELECT {} FROM appointment",
    "SELECT {} FROM appointment -- what is current",
    "WITH a AS (SELECT * FROM appointment) SELECT {} FROM a ORDER BY 1",
    "SELECT {} FROM appointment WHERE unit LIKE '%:nit' OR unit IS NULL OR unit = ':unit'",
])  # fmt: skip
def test_a_query_is_taken_as_it_stands(url: str, query: str) -> None:
    first, second = sorted(read_list(url, query.format(COLUMNS), SHORT), key=lambda line: str(line.row.booking_id))
    assert (first.row.booking_id, first.row.care_unit, second.row.care_unit) == ("b-1", "u:nit", None)
    assert (first.row.resident_id or "").endswith("…")  # it is cut in the database, and stays too long


@pytest.mark.parametrize(("columns", "said"), [
    ("id, resident AS resident_id", "expected a column booking_id, it has id, resident_id"),
    ("id AS booking_id, resident AS resident_id", "expected a column care_unit"),
    (COLUMNS + ", unit AS starts_att", "did you mean starts_at?"),
    (COLUMNS.replace("unit AS", "ward AS"), "a column that it names is not there"),
])  # fmt: skip
def test_wrong_columns_are_named(url: str, columns: str, said: str) -> None:
    with pytest.raises(ListingError, match=said.replace("?", r"\?")):
        list(read_list(url, f"SELECT {columns} FROM appointment", SHORT))


@pytest.mark.parametrize("dialect", ["postgresql", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def test_a_long_list_is_read_as_it_comes(url: str, dialect: str) -> None:
    """A million rows of a hundred characters would be some hundreds of megabytes."""
    number = 1_000_000
    many = ", ".join(f"information_schema.collations {name}" for name in "abc") + f" LIMIT {number}"
    series, product = f"generate_series(1, {number}) AS seq", f"(SELECT uuid() AS seq FROM {many}) AS s"
    rows = series if dialect == "postgresql" else product
    query = f"SELECT seq AS booking_id, repeat('x', 100) AS resident_id, 'u' AS care_unit FROM {rows}"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with closing(read_list(url, query, SHORT)) as lines:
        for _ in range(2_500):
            next(lines)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # kilobytes


def test_a_server_that_is_away_and_a_driver_that_is_not_installed() -> None:
    for url, said in (
        ("postgresql+psycopg://postgres@127.0.0.1:1/x", "does not answer"),
        ("oracle+oracledb://a@127.0.0.1:1/x", "driver of this kind of database is not installed"),
    ):
        with pytest.raises(ListingError, match=said):
            list(read_list(url, "SELECT 1", SHORT))
