"""A database's URL means to us what it means to SQLAlchemy."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from relay.settings.url import Address, read_url

PART = st.text("ab:/?@[]%40=&+ å.1\n", max_size=6)
ANY = st.one_of(
    st.text(max_size=30),
    st.builds(
        lambda *p: f"{p[0]}://{p[1]}{p[2]}{p[3]}/{p[4]}?{p[5]}",
        st.sampled_from(["postgresql", "postgresql+psycopg", "sqlite", "mysql+pymysql", "", "a b"]),
        st.one_of(st.just(""), PART.map("{}@".format)),
        st.one_of(st.just("host"), st.just("[::1]"), PART),
        st.one_of(st.just(""), st.just(":5432"), PART.map(":{}".format)),
        PART,
        PART,
    ),
)


def theirs(url: str) -> Address | None:
    try:
        read = make_url(url)
    except (ArgumentError, ValueError, TypeError):  # the last is for a port that is empty
        return None
    return Address(
        read.drivername, read.username, str(read.password) if read.password is not None else None, read.host, read.port,
        read.database, dict(read.query),
    )  # fmt: skip


def ours(url: str) -> Address | None:
    try:
        return read_url(url)
    except ValueError:
        return None


@given(ANY)
@example("postgresql+psycopg://relay:p%40ss@[::1]:5432/relay?options=-c%20a%3Db&host=one&host=two&host=three")
@example("sqlite:////var/lib/relay.db")
@example("sqlite://")
@example("mysql+pymysql://u@host:/db")
def test_it_is_read_as_sqlalchemy_reads_it(url: str) -> None:
    assert ours(url) == theirs(url)
