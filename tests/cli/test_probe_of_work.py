"""What the work could not do, the check refuses: each on a real server, with the part and what to do named."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from sqlalchemy import inspect, make_url

from relay.cli.probe import Verdict, probes, verdict
from relay.database import connect
from relay.demo.postgres import Postgres
from relay.demo.valkey import Valkey
from relay.outbox import ddl
from relay.settings import Settings, parse
from relay.store.migrate import upgrade
from tests.index.servers import serve, tunnelling
from tests.integration.sentinels import RIGHTS
from tests.mariadb import MariaDb
from tests.pgbouncer import MISSING, PgBouncer, binary
from tests.waiting import PATIENCE


def settings_for(folder: Path, database_url: str = "sqlite:///relay.db", **more: Any) -> Settings:
    index = {"url": "http://127.0.0.1:1/", "logical_address": "5565594230"} | more.pop("index", {})
    source = {"name": "s", "source_systems": ["S"], "data_controller": "D", "engagement_index": "i"}
    document = {
        "environment": "production",
        "database_url": database_url,
        "engagement_index": {"i": index},
        "source": [source | each for each in more.pop("sources", [{}])],
    }
    return parse(document | more, folder)


def verdict_on(target: str, settings: Settings) -> Verdict:
    return verdict(target, dict(probes(settings))[target], seconds=PATIENCE)


def administrator(url: str) -> psycopg.Connection[tuple[Any, ...]]:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def with_tables(url: str) -> str:
    engine = connect(url)
    upgrade(engine)
    ddl.create(engine, "ei_outbox")
    engine.dispose()
    return url


# The relay's own database


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (None, "is at version none"),
        ("CREATE TABLE somebody_else_s (id integer)", "1 tables of somebody else"),
        ("CREATE TABLE ei_relay_version (version_num varchar); INSERT INTO ei_relay_version VALUES ('0001')", "0001"),
    ],
    ids=["empty", "foreign", "older"],
)
def test_a_database_that_is_not_at_our_version(postgres_url: str, tmp_path: Path, made: str | None, says: str) -> None:
    # Given a database that answers, and is empty, somebody else's or older
    with administrator(postgres_url) as connection:
        for statement in made.split("; ") if made else ():
            connection.execute(statement)

    outcome = verdict_on("database_url", settings_for(tmp_path, postgres_url))

    # then it is refused, with the command that mends it
    assert not outcome.ok
    assert says in outcome.text
    assert "ei-relay db upgrade" in outcome.text


def test_a_database_that_can_do_the_work(postgres_url: str, tmp_path: Path) -> None:
    with_tables(postgres_url)

    outcome = verdict_on("database_url", settings_for(tmp_path, postgres_url))

    assert (outcome.ok, outcome.account) == (True, "postgres")
    assert {"an advisory lock", "reading and writing (rolled back)", "encoding UTF8"} <= {*outcome.tried}
    with administrator(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM ei_audit").fetchone() == (0,)


def test_a_right_that_is_missing_is_named_with_the_table(postgres_url: str, tmp_path: Path) -> None:
    # Given an account that may do everything but delete posts
    with_tables(postgres_url)
    url = make_url(postgres_url)
    role = f"few_{url.database}"
    with administrator(postgres_url) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN")
        connection.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
        connection.execute(f"REVOKE DELETE ON ei_post FROM {role}")
    mine = url.set(username=role).render_as_string(hide_password=False)

    outcome = verdict_on("database_url", settings_for(tmp_path, mine))

    with administrator(postgres_url) as connection:
        connection.execute(f"DROP OWNED BY {role}")
        connection.execute(f"DROP ROLE {role}")
    assert (outcome.ok, outcome.account) == (False, role)
    assert f"{role} may not DELETE on ei_post: GRANT" in outcome.text


def test_an_account_without_any_right(postgres_url: str, tmp_path: Path) -> None:
    with_tables(postgres_url)
    url = make_url(postgres_url)
    role = f"none_{url.database}"
    with administrator(postgres_url) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN")
    mine = url.set(username=role).render_as_string(hide_password=False)

    outcome = verdict_on("database_url", settings_for(tmp_path, mine))

    with administrator(postgres_url) as connection:
        connection.execute(f"DROP ROLE {role}")
    assert (outcome.ok, outcome.account) == (False, role)
    assert "the account has no rights on the relay's tables: GRANT it SELECT" in outcome.text


@pytest.mark.parametrize(
    ("setting", "ok", "says"),
    [
        ("default_transaction_read_only = on", False, "read-only"),
        ("default_transaction_isolation = 'serializable'", True, "serializable"),
        ("synchronous_commit = off", True, "synchronous_commit is off"),
    ],
)
def test_how_the_database_runs_transactions(
    postgres_url: str, tmp_path: Path, setting: str, ok: bool, says: str
) -> None:
    with_tables(postgres_url)
    with administrator(postgres_url) as connection:
        connection.execute(f"ALTER DATABASE {make_url(postgres_url).database} SET {setting}")

    outcome = verdict_on("database_url", settings_for(tmp_path, postgres_url))

    assert outcome.ok is ok
    assert says in " ".join([outcome.text, *outcome.warnings])


def test_a_database_in_another_encoding_is_warned_of(postgres: Postgres, tmp_path: Path) -> None:
    with administrator(postgres.url()) as connection:
        connection.execute("CREATE DATABASE in_latin1 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    try:
        outcome = verdict_on("database_url", settings_for(tmp_path, with_tables(postgres.url("in_latin1"))))
    finally:
        with administrator(postgres.url()) as connection:
            connection.execute("DROP DATABASE in_latin1 WITH (FORCE)")

    assert outcome.ok
    assert any("LATIN1, not UTF-8" in warning for warning in outcome.warnings)


@pytest.mark.skipif(binary() is None, reason=MISSING)
@pytest.mark.parametrize(("mode", "ignores"), [("session", False), ("transaction", True)])
def test_a_pooler_is_found_and_worked_through(
    postgres: Postgres, postgres_url: str, tmp_path: Path, mode: str, ignores: bool
) -> None:
    # Given a pooler that refuses options, or ignores them
    with_tables(postgres_url)
    with PgBouncer(postgres.port, mode, ignores_options=ignores) as pooler:
        settings = settings_for(tmp_path, pooler.url(str(make_url(postgres_url).database)))

        outcomes = [verdict_on(target, settings) for target in ("database_url", "source.s.outbox_url")]

    assert [each.ok for each in outcomes] == [True, True], outcomes
    assert "through a pooler" in outcomes[0].text


def test_what_the_server_says_at_the_door_is_told(postgres: Postgres, tmp_path: Path) -> None:
    outcome = verdict_on("database_url", settings_for(tmp_path, postgres.url("no_such_database")))

    assert not outcome.ok
    assert outcome.text.startswith("the database that database_url names is not there")


# Outboxes


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql", "mariadb"])
def test_an_outbox_is_marked_and_stays_as_it_was(dialect: str, database_url: str, tmp_path: Path) -> None:
    # Given an outbox with a row that waits
    outbox = connect(database_url)
    ddl.create(outbox, "ei_outbox")
    with outbox.begin() as connection:
        connection.exec_driver_sql("INSERT INTO ei_outbox (operation, booking_id) VALUES ('upsert', 'b-1')")

    outcome = verdict_on("source.s.outbox_url", settings_for(tmp_path, sources=[{"outbox_url": database_url}]))

    # then it was marked, by an account that is named, and waits still
    assert outcome.ok, outcome
    assert "a row can be marked (rolled back)" in outcome.tried
    assert ("rows that others hold are passed by" in outcome.tried) is (dialect != "sqlite")
    with outbox.begin() as connection:
        assert connection.exec_driver_sql("SELECT outcome FROM ei_outbox").scalar_one() is None
    outbox.dispose()


def test_an_outbox_that_may_be_read_but_not_marked(postgres_url: str, tmp_path: Path) -> None:
    with_tables(postgres_url)
    url = make_url(postgres_url)
    role = f"reads_{url.database}"
    with administrator(postgres_url) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN")
        connection.execute(f"GRANT SELECT ON ei_outbox TO {role}")
    mine = url.set(username=role).render_as_string(hide_password=False)

    outcome = verdict_on("source.s.outbox_url", settings_for(tmp_path, sources=[{"outbox_url": mine}]))

    with administrator(postgres_url) as connection:
        connection.execute(f"DROP OWNED BY {role}")
        connection.execute(f"DROP ROLE {role}")
    assert (outcome.ok, outcome.account) == (False, role)
    assert "permission denied on ei_outbox" in outcome.text


def test_an_outbox_that_lacks_a_column(postgres_url: str, tmp_path: Path) -> None:
    with_tables(postgres_url)
    with administrator(postgres_url) as connection:
        connection.execute("ALTER TABLE ei_outbox DROP COLUMN outcome_reason")

    outcome = verdict_on("source.s.outbox_url", settings_for(tmp_path, postgres_url))

    assert not outcome.ok
    assert "lacks outcome_reason" in outcome.text


def test_two_sources_that_read_one_table_by_two_addresses(postgres: Postgres, tmp_path: Path) -> None:
    # Given an outbox that one source names by its address, and another by the name of its host
    with administrator(postgres.url()) as connection:
        connection.execute("CREATE DATABASE shared")
    url = with_tables(postgres.url("shared"))
    sources = [{"outbox_url": url}, {"outbox_url": url.replace("127.0.0.1", "localhost")}]
    sources = [each | {"name": f"s{i}", "source_systems": [f"S{i}"]} for i, each in enumerate(sources)]
    settings = settings_for(tmp_path, sources=sources)

    first, second = (verdict_on(f"source.s{i}.outbox_url", settings) for i in range(2))

    with administrator(postgres.url()) as connection:
        connection.execute("DROP DATABASE shared WITH (FORCE)")
    assert first.ok
    assert not second.ok
    assert "the source s0 reads the same table by another address" in second.text


def test_a_role_that_is_granted_and_not_active_on_mariadb(mariadb: MariaDb, mariadb_url: str, tmp_path: Path) -> None:
    # Given an account that was granted the reader's role, and no SET DEFAULT ROLE
    engine = connect(mariadb_url)
    ddl.create(engine, "ei_outbox")
    engine.dispose()
    database = str(make_url(mariadb_url).database)
    with mariadb.administrator() as cursor:
        cursor.execute(f"CREATE ROLE r_{database}")
        cursor.execute(f"GRANT SELECT, UPDATE ON {database}.ei_outbox TO r_{database}")
        cursor.execute(f"CREATE USER u_{database}@'127.0.0.1'")
        cursor.execute(f"GRANT r_{database} TO u_{database}@'127.0.0.1'")

        def asked() -> Verdict:
            url = mariadb.url(database, f"u_{database}")
            return verdict_on("source.s.outbox_url", settings_for(tmp_path, sources=[{"outbox_url": url}]))

        before = asked()
        cursor.execute(f"SET DEFAULT ROLE r_{database} FOR u_{database}@'127.0.0.1'")
        after = asked()
        cursor.execute(f"DROP USER u_{database}@'127.0.0.1'")
        cursor.execute(f"DROP ROLE r_{database}")

    # then the check says which role sleeps and what wakes it, and is content when it is awake
    assert not before.ok
    assert f"SET DEFAULT ROLE r_{database} FOR u_{database}" in before.text
    assert after.ok, after


def test_a_table_that_knows_no_transactions_on_mariadb(mariadb_url: str, tmp_path: Path) -> None:
    engine = connect(mariadb_url)
    ddl.create(engine, "ei_outbox")
    with engine.begin() as connection:
        for index in inspect(connection).get_indexes("ei_outbox"):
            connection.exec_driver_sql(f"DROP INDEX {index['name']} ON ei_outbox")
        connection.exec_driver_sql("ALTER TABLE ei_outbox ENGINE = Aria")
    engine.dispose()

    outcome = verdict_on("source.s.outbox_url", settings_for(tmp_path, sources=[{"outbox_url": mariadb_url}]))

    assert not outcome.ok
    assert "ALTER TABLE ei_outbox ENGINE = InnoDB" in outcome.text


# The broker


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


def broker(valkey: Valkey, tmp_path: Path, account: str = "") -> Verdict:
    url = valkey.url.replace("//", f"//{account}@") if account else valkey.url
    return verdict_on("broker_url", settings_for(tmp_path, broker_url=url))


def test_a_broker_carries_a_message_and_keeps_nothing_of_it(valkey: Valkey, tmp_path: Path) -> None:
    outcome = broker(valkey, tmp_path)

    assert outcome.ok, outcome
    assert (outcome.account, outcome.warnings) == ("default", ())
    assert {"a message was sent and received", "maxmemory-policy noeviction"} <= {*outcome.tried}
    assert redis.Redis(port=valkey.port).keys("*ei-relay-check*") == []


def test_the_account_of_the_guide_is_enough(valkey: Valkey, tmp_path: Path) -> None:
    administrator = redis.Redis(port=valkey.port)
    administrator.execute_command("ACL", "SETUSER", "guide", "on", ">x", "~*", "&*", "-@all", *RIGHTS.split())

    assert broker(valkey, tmp_path, "guide:x").ok


@pytest.mark.parametrize("command", ["lrem", "brpop", "zadd", "del", "multi", "eval"])
def test_a_command_that_the_account_may_not_give_is_named(valkey: Valkey, tmp_path: Path, command: str) -> None:
    rights = [each for each in RIGHTS.split() if each != f"+{command}"]
    administrator = redis.Redis(port=valkey.port)
    administrator.execute_command("ACL", "SETUSER", f"no-{command}", "on", ">x", "~*", "&*", "-@all", *rights)

    outcome = broker(valkey, tmp_path, f"no-{command}:x")

    assert not outcome.ok
    assert f"ACL SETUSER no-{command} +{command}" in outcome.text


@pytest.mark.parametrize(("policy", "ok"), [("allkeys-lru", False), ("volatile-lru", True)])
def test_a_broker_that_throws_away_when_its_memory_is_full(
    valkey: Valkey, tmp_path: Path, policy: str, ok: bool
) -> None:
    administrator = redis.Redis(port=valkey.port)
    administrator.config_set("maxmemory-policy", policy)
    try:
        outcome = broker(valkey, tmp_path)
    finally:
        administrator.config_set("maxmemory-policy", "noeviction")

    assert outcome.ok is ok
    assert "noeviction" in " ".join([outcome.text, *outcome.warnings])


def test_a_policy_that_cannot_be_read_is_warned_of(valkey: Valkey, tmp_path: Path) -> None:
    rights = [each for each in RIGHTS.split() if each != "+info"]
    administrator = redis.Redis(port=valkey.port)
    administrator.execute_command("ACL", "SETUSER", "blind", "on", ">x", "~*", "&*", "-@all", *rights)

    outcome = broker(valkey, tmp_path, "blind:x")

    assert outcome.ok, outcome
    assert any("maxmemory-policy cannot be read" in warning for warning in outcome.warnings)


def test_a_broker_without_memory_and_one_that_is_a_replica(valkey: Valkey, tmp_path: Path) -> None:
    administrator = redis.Redis(port=valkey.port)
    administrator.config_set("maxmemory", "1")
    try:
        full = broker(valkey, tmp_path)
    finally:
        administrator.config_set("maxmemory", "0")
    administrator.replicaof("127.0.0.1", "1")
    try:
        replica = broker(valkey, tmp_path)
    finally:
        administrator.replicaof("NO", "ONE")

    assert (full.ok, replica.ok) == (False, False)
    assert "raise maxmemory" in full.text
    assert "replica" in replica.text


# The index


@contextmanager
def shaking_hands(context: ssl.SSLContext) -> Iterator[int]:
    """A server that shakes hands with whoever comes, and holds the connection until it is let go."""

    def hold(peer: Any, _number: int) -> None:
        with closing(peer):
            peer.recv(1)

    with serve(hold, context) as server:
        yield server.port


def on_index(tmp_path: Path, server: trustme.CA, trusted: trustme.CA, bundle: list[bytes]) -> Verdict:
    (tmp_path / "ca.pem").write_bytes(b"".join(bundle))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.issue_cert("127.0.0.1").configure_cert(context)
    trusted.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    with shaking_hands(context) as port:
        files = {"client_certificate": "tls.pem", "client_key": "tls.pem", "ca_bundle": "ca.pem"}
        settings = settings_for(tmp_path, index={"url": f"https://127.0.0.1:{port}/", **files})
        return verdict_on("engagement_index.i.url", settings)


def test_a_bundle_of_the_intermediate_alone_is_trusted(tmp_path: Path) -> None:
    """The operator put it there: it need not lead to a root."""
    root = trustme.CA()
    middle = root.create_child_ca()
    middle.issue_cert("relay.example").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "tls.pem"))

    outcome = on_index(tmp_path, middle, root, [middle.cert_pem.bytes()])

    assert outcome.ok, outcome


def test_the_way_through_a_proxy_is_the_one_of_calls(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("relay.example").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "tls.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    files = {"client_certificate": "tls.pem", "client_key": "tls.pem", "ca_bundle": "ca.pem"}

    def refuse(peer: Any, _number: int) -> None:
        with closing(peer):
            peer.recv(65536)
            peer.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    with shaking_hands(context) as port, serve(tunnelling(port)) as open_, serve(refuse) as closed:

        def asked(proxy: int) -> Verdict:
            index = {"url": f"https://127.0.0.1:{port}/", "proxy": f"http://127.0.0.1:{proxy}", **files}
            return verdict_on("engagement_index.i.url", settings_for(tmp_path, index=index))

        through, refused = asked(open_.port), asked(closed.port)

    assert through.ok, through
    assert "through the proxy" in through.text
    assert not refused.ok
    assert "The proxy does not connect us" in refused.text


@pytest.mark.parametrize(
    ("begins", "ends", "purposes", "says"),
    [
        (-9, -1, [ExtendedKeyUsageOID.CLIENT_AUTH], "expired at"),
        (1, 9, [ExtendedKeyUsageOID.CLIENT_AUTH], "is not valid until"),
        (-9, 90, [ExtendedKeyUsageOID.SERVER_AUTH], "lacks clientAuth"),
    ],
)
def test_a_certificate_that_nobody_would_take(
    tmp_path: Path, begins: int, ends: int, purposes: list[x509.ObjectIdentifier], says: str
) -> None:
    authority = trustme.CA()
    (tmp_path / "tls.pem").write_bytes(function_certificate(begins, ends, purposes))

    outcome = on_index(tmp_path, authority, authority, [authority.cert_pem.bytes()])

    assert (outcome.ok, outcome.account) == (False, "SE2321000016-ABCD, relay.example")
    assert says in outcome.text


def test_the_check_accepts_a_server_whose_authority_has_no_key_identifiers(tmp_path: Path) -> None:
    """As calls do: Python 3.13's strict verification would refuse it."""
    (tmp_path / "tls.pem").write_bytes(function_certificate(-1, 90, [ExtendedKeyUsageOID.CLIENT_AUTH]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    key, plain = plain_authority()
    (tmp_path / "server.pem").write_bytes(function_certificate(-1, 90, [ExtendedKeyUsageOID.SERVER_AUTH], key, plain))
    (tmp_path / "ca.pem").write_bytes(plain.public_bytes(serialization.Encoding.PEM))
    context.load_cert_chain(tmp_path / "server.pem")
    with shaking_hands(context) as port:
        files = {"client_certificate": "tls.pem", "client_key": "tls.pem", "ca_bundle": "ca.pem"}
        settings = settings_for(tmp_path, index={"url": f"https://127.0.0.1:{port}/", **files})
        outcome = verdict_on("engagement_index.i.url", settings)

    assert outcome.ok, outcome
    assert outcome.account == "SE2321000016-ABCD, relay.example"


def plain_authority() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """A root without any key identifier, as old ones are."""
    key, name, now = ec.generate_private_key(ec.SECP256R1()), named("a region's root"), moment()
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(99))
    return key, builder.add_extension(x509.BasicConstraints(True, None), critical=False).sign(key, hashes.SHA256())


def function_certificate(
    begins: int,
    ends: int,
    purposes: list[x509.ObjectIdentifier],
    authority_key: ec.EllipticCurvePrivateKey | None = None,
    authority: x509.Certificate | None = None,
) -> bytes:
    """Key and certificate, as a region's function certificate names its owner."""
    key, now = ec.generate_private_key(ec.SECP256R1()), moment()
    name = named("relay.example", "SE2321000016-ABCD")
    builder = x509.CertificateBuilder(
        authority.subject if authority else name, name, key.public_key(), x509.random_serial_number(),
        now + datetime.timedelta(begins), now + datetime.timedelta(ends),
    )  # fmt: skip
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    certificate = builder.add_extension(address, critical=False).sign(authority_key or key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def named(common: str, serial: str = "") -> x509.Name:
    names = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    return x509.Name([*([x509.NameAttribute(NameOID.SERIAL_NUMBER, serial)] if serial else []), *names])


def moment() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
