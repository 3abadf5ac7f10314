from __future__ import annotations

import socket
import sqlite3
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import trustme

from relay.database import connect
from relay.demo.valkey import Valkey
from relay.index import trial
from relay.outbox import ddl
from relay.report.probe import Verdict, probes, verdict
from relay.sandbox.server import Sandbox
from relay.settings import Settings, parse
from relay.store.migrate import upgrade
from tests.index.servers import forwarding, serve
from tests.waiting import PATIENCE


def settings_for(folder: Path, url: str = "http://127.0.0.1:1/", broker_url: str | None = None) -> Settings:
    files = {"client_certificate": "tls.pem", "client_key": "tls.pem", "ca_bundle": "ca.pem"}
    document = {
        "environment": "production",
        "database_url": f"sqlite:///{folder}/relay.db",
        "engagement_index": {"i": {"url": url, "logical_address": "5565594230", **files}},
        "source": [
            {"name": "s", "source_systems": ["S"], "data_controller": "D", "engagement_index": "i"},
        ],
    }
    return parse(document | ({"broker_url": broker_url} if broker_url else {}), folder)


def verdict_on(target: str, settings: Settings) -> Verdict:
    return verdict(target, dict(probes(settings))[target], seconds=PATIENCE)


@contextmanager
def listening(context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server that takes one connection, shakes hands if it has a context, and holds it until let go."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with closing(connection):
                try:
                    wrapped = context.wrap_socket(connection, server_side=True) if context else connection
                    with closing(wrapped):
                        wrapped.recv(1)
                except OSError:
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("relay.example").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "tls.pem"))
    return authority


def server_context(authority: trustme.CA, trusting: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def test_a_database_and_its_outbox_answer(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    engine = connect(settings.database_url)
    upgrade(engine)
    ddl.create(engine, "ei_outbox")

    database, outbox = (verdict_on(each, settings) for each in ("database_url", "source.s.outbox_url"))

    assert (database.ok, database.tried[0], database.tried[2]) == (
        True,
        "sqlite answers",
        "reading and writing (rolled back)",
    )
    assert outbox.ok
    assert outbox.tried[-2:] == ("ei_outbox can be read", "marking is allowed (no row waits)")
    engine.dispose()


def test_an_outbox_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "relay.db").close()
    (tmp_path / "relay.db").touch()

    outcome = verdict_on("source.s.outbox_url", settings_for(tmp_path))

    assert (outcome.ok, outcome.text) == (
        False,
        "the table ei_outbox is not there; create it with `ei-relay outbox create`, or by hand as `ei-relay outbox "
        "ddl` shows, or set outbox_table [ei_outbox]",
    )


def test_an_absent_sqlite_file_is_told_of_and_not_made(tmp_path: Path) -> None:
    outcome = verdict_on("database_url", settings_for(tmp_path))

    assert not outcome.ok
    assert "there is no file" in outcome.text
    assert list(tmp_path.iterdir()) == []


def test_a_broker_is_tried_only_where_one_is_configured(tmp_path: Path) -> None:
    assert "broker_url" not in dict(probes(settings_for(tmp_path)))

    outcome = verdict_on("broker_url", settings_for(tmp_path, broker_url="redis://:hunter2@127.0.0.1:1/0"))

    assert not outcome.ok
    assert "hunter2" not in outcome.text


def test_an_encrypted_broker_is_taken_for_who_it_says_it_is_only_with_a_certificate(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with Valkey() as valkey, serve(forwarding(valkey.port), context) as encrypted:

        def asked(options: str) -> Verdict:
            url = f"rediss://127.0.0.1:{encrypted.port}/0{options}"
            return verdict_on("broker_url", settings_for(tmp_path, broker_url=url))

        assert asked(f"?ssl_ca_certs={tmp_path}/ca.pem").ok
        assert asked("?ssl_cert_reqs=none").ok
        assert "certificate verify failed" in asked("").text


def test_a_broker_answers(tmp_path: Path) -> None:
    assert verdict_on("broker_url", settings_for(tmp_path, broker_url="memory://")).ok


def test_an_index_without_encryption_answers(tmp_path: Path) -> None:
    with listening() as port:
        outcome = verdict_on("engagement_index.i.url", settings_for(tmp_path, f"http://127.0.0.1:{port}/"))

    assert (outcome.ok, outcome.text) == (True, "TCP answers; not encrypted")


def test_an_address_with_nothing_behind_it_is_told_of_and_no_call_is_made(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        right, wrong = (
            verdict_on("engagement_index.i.url", settings_for(tmp_path, url))
            for url in (sandbox.update_url, f"{sandbox.url}/Update")
        )

        assert sandbox.core.summary()["calls"] == 0
    assert (right.ok, right.text) == (True, "TCP answers; not encrypted")
    assert not wrong.ok
    assert wrong.text.endswith("set url, with its whole path")


def test_an_index_shakes_hands_with_our_certificate(tmp_path: Path, authority: trustme.CA) -> None:
    with listening(server_context(authority, authority)) as port:
        outcome = verdict_on("engagement_index.i.url", settings_for(tmp_path, f"https://127.0.0.1:{port}/"))

    assert (outcome.ok, outcome.text) == (True, "TCP and TLSv1.3 answer, certificates accepted")


def test_an_index_that_refuses_our_certificate_is_told_of(
    tmp_path: Path, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "REFUSAL_SECONDS", PATIENCE)  # a busy machine may be slow to refuse
    with listening(server_context(authority, trusting=trustme.CA())) as port:
        outcome = verdict_on("engagement_index.i.url", settings_for(tmp_path, f"https://127.0.0.1:{port}/"))

    assert not outcome.ok


def test_an_index_whose_certificate_we_do_not_trust_is_told_of(tmp_path: Path, authority: trustme.CA) -> None:
    with listening(server_context(trustme.CA(), authority)) as port:
        outcome = verdict_on("engagement_index.i.url", settings_for(tmp_path, f"https://127.0.0.1:{port}/"))

    assert not outcome.ok
    assert "comes from an issuer that is not in the CA bundle" in outcome.text
    assert "engagement_index.i.ca_bundle" in outcome.text


def test_no_probe_is_waited_for_without_end() -> None:
    forever = threading.Event()

    outcome = verdict("x", lambda: str(forever.wait()), seconds=0.05)

    forever.set()
    assert outcome == Verdict("x", False, "no answer within 0.05 s")
