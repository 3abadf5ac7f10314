"""Every mistake: its key as the operator writes it, its value, and what was expected."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from relay.settings import Finding, SettingsError, parse

Document = dict[str, Any]
_INDEX = "engagement_index.national"
_SOURCE = "source.tidbok-nord"
_DURATION = "expected a duration with its unit"


def mistakes_of(document: Document) -> tuple[Finding, ...]:
    with pytest.raises(SettingsError) as refused:
        parse(document)
    return refused.value.mistakes


def the_mistake_of(document: Document) -> Finding:
    (mistake,) = mistakes_of(document)
    return mistake


def test_a_right_document_is_taken_with_defaults(document: Document) -> None:
    settings = parse(document, Path("/etc/ei-relay"))

    national, source = settings.engagement_index["national"], settings.source[0]
    assert settings.poll_interval == timedelta(seconds=1)
    assert settings.broker_url == "redis://localhost:6379/0"
    assert settings.worker_threads == 16
    assert national.key_spacing == timedelta(minutes=5)
    assert national.client_certificate == Path("/etc/ei-relay/tls.crt")
    assert national.wsdl is None
    assert source.title == "tidbok-nord"
    assert source.care_units == "*"
    assert source.test_residents is None
    assert source.local_identities == ""
    assert settings.outbox_url_of(source) == settings.database_url
    assert settings.warnings == ()


@pytest.mark.parametrize(
    "url",
    [
        "redis://", "redis://broker", "rediss://user:p%40w@broker:6380/1?ssl_cert_reqs=optional", "redis://[::1]:6379/0",
        "redis://:p@w@broker",
        "redis+socket:///run/valkey.sock",
    ],
)  # fmt: skip
def test_brokers_of_every_kind_are_taken(document: Document, url: str) -> None:
    document["broker_url"] = url

    assert parse(document).broker_url == url


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("rediss://broker", "rediss://broker?ssl_cert_reqs=required"),
        ("rediss://b/0?ssl_ca_certs=/ca.crt", "rediss://b/0?ssl_ca_certs=/ca.crt&ssl_cert_reqs=required"),
    ],
)
def test_the_certificate_of_an_encrypted_broker_is_verified_unless_told_otherwise(
    document: Document, written: str, read: str
) -> None:
    document["broker_url"] = written

    assert parse(document).broker_url == read


def test_a_source_may_have_its_own_outbox(document: Document, source: Document) -> None:
    source["outbox_url"] = "mysql+pymysql://reader@tidbok/booking"

    settings = parse(document)

    assert settings.outbox_url_of(settings.source[0]) == "mysql+pymysql://reader@tidbok/booking"


def test_a_resident_listed_where_the_file_should_be_named_is_not_shown(document: Document, source: Document) -> None:
    source["test_residents"] = "191212121212"

    assert "191212121212" not in str(the_mistake_of(document))


def test_settings_do_not_change(document: Document) -> None:
    settings = parse(document)

    with pytest.raises(ValidationError, match="frozen"):
        settings.environment = "qa"


def test_settings_can_be_printed_without_their_secrets(document: Document, index: Document, source: Document) -> None:
    document["database_url"] = source["outbox_url"] = "postgresql://relay:hunter2@db/relay"
    document["broker_url"] = "redis://:hunter2@broker/0"
    index["proxy"] = "http://relay:hunter2@proxy:3128"
    index["client_key_password"] = "hunter2"

    assert "hunter2" not in repr(parse(document))


@pytest.mark.parametrize(
    ("key", "value", "shown", "expected"),
    [
        ("environment", "test", '"test"', "expected 'qa' or 'production'"),
        ("environment", None, "(missing)", "required: Where the relay sends to"),
        ("database_url", None, "(missing)", "required: The relay's own state"),
        ("database_url", "postgres://r:pw@db/x", '"postgres://r:***@db/x"', "expected postgresql+psycopg://"),
        ("database_url", "mysql://db/x", '"mysql://db/x"', "expected postgresql+psycopg://"),
        ("database_url", 5, "5", "expected text in quotes"),
        ("database_url", "sqlite://", '"sqlite://"', "expected postgresql+psycopg://"),  # in memory
        ("database_url", "sqlite:///:memory:", '"sqlite:///:memory:"', "expected postgresql+psycopg://"),
        ("database_url", "sqlite://r:pw@db/x", '"sqlite://r:***@db/x"', "expected postgresql+psycopg://"),
        ("database_url", "sqlite:///x?timeout=soon", '"sqlite:///x?timeout=soon"', "expected postgresql+psycopg://"),
        ("broker_url", "redis://broker:port/0", '"redis://broker:port/0"', "expected the URL of a Redis"),
        ("broker_url", "redis://:p#w@broker/0", '"redis://:***@broker/0"', "expected the URL of a Redis"),
        ("broker_url", "redis://:p/w@broker/0", '"redis://:***@broker/0"', "expected the URL of a Redis"),
        ("broker_url", "redis://:12/w@broker/0", '"redis://:***@broker/0"', "expected the URL of a Redis"),
        ("broker_url", "rediss://b/0?ssl_cert_reqs=bogus", '"rediss://b/0?ssl_cert_reqs=bogus"', "expected required,"),
        (
            "broker_url",
            "sentinel://broker;redis://broker",
            '"sentinel://broker;redis://broker"',
            "expected the Sentinels",
        ),
        ("broker_url", "amqp://broker", '"amqp://broker"', "expected the URL of a Redis or Valkey server"),
        ("poll_interval", "0s", '"0s"', "expected more than zero"),
        ("poll_interval", 1, "1", _DURATION),
        ("worker_threads", 0, "0", "expected a whole number of at least 1"),
        ("worker_threads", 10**19, str(10**19), "expected a whole number of at most 999999999"),
        ("worker_threads", True, "true", "expected a whole number of at least 1"),
        ("log_level", "loud", '"loud"', "expected 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("log_format", "xml", '"xml"', "expected 'json' or 'text'"),
        ("exporter_port", 65536, "65536", "expected a port number, 1 to 65535"),
        ("engagement_index", None, "(missing)", "required: expected [engagement_index.NAME] tables"),
        ("engagement_index", {}, "(a table)", "expected [engagement_index.NAME] tables"),
        ("engagement_index", [{}], "[(a table)]", "expected [engagement_index.NAME] tables"),
        ("source", [], "[]", "expected [[source]] tables"),
        ("source", {"name": "x"}, "(a table)", "expected [[source]] tables"),
        ("pol_interval", "1s", '"1s"', "unknown key, did you mean poll_interval?"),
        ("sources", "x", '"x"', "unknown key, did you mean source?"),
        ("zzz", 1, "1", "unknown key; known are environment, database_url"),
        ("key_spacing", "5m", '"5m"', "unknown key here: key_spacing is a key of engagement_index"),
    ],
)
def test_a_mistake_at_the_top(document: Document, key: str, value: object, shown: str, expected: str) -> None:
    if value is None:
        del document[key]
    else:
        document[key] = value

    mistake = mistakes_of(document)[0]

    assert (mistake.key, mistake.value) == (key, shown)
    assert mistake.expected.startswith(expected)


@pytest.mark.parametrize(
    ("key", "value", "shown", "expected"),
    [
        ("url", "ei.example/Update", '"ei.example/Update"', "expected an address that begins with https://"),
        ("url", "https:///Update", '"https:///Update"', "expected an address that begins with https://"),
        ("url", "https://ei:port/", '"https://ei:port/"', "expected an address that begins with https://"),
        ("logical_address", 5565594230, "5565594230", "expected text in quotes"),
        ("logical_address", "55 65", '"55 65"', "expected 1 to 64 visible ASCII characters"),
        ("client_certificate", "", '""', "required, since url is https"),
        ("client_key", None, "(missing)", "required, since url is https"),
        ("ca_bundle", None, "(missing)", "required, since url is https"),
        ("client_key", 5, "5", "expected the path of a file, in quotes"),
        ("client_key_password", 5, "***", "expected text in quotes"),
        ("proxy", "proxy:3128", '"proxy:3128"', "expected a proxy's address"),
        ("original_consumer", "a\r\nb", '"a\\r\\nb"', "expected 1 to 64 visible ASCII characters"),
        ("on_behalf_of", "å", '"å"', "expected 1 to 64 visible ASCII characters"),
        ("max_posts_per_call", 0, "0", "expected a whole number of at least 1"),
        ("max_posts_per_call", 1.5, "1.5", "expected a whole number of at least 1"),
        ("key_spacing", 300, "300", _DURATION),
        ("key_spacing", "300", '"300"', _DURATION),
        ("connect_timeout", "0s", '"0s"', "expected more than zero"),
        ("call_timeout", "soon", '"soon"', _DURATION),
        ("connect_timeout", "76s", '"75s" (the default)', "expected at least connect_timeout, which is 76s"),
        ("read_timeout", "4s", '"4s"', "expected at least connect_timeout, which is 5s"),
        ("call_timeout", "74s", '"74s"', "expected at least read_timeout, which is 75s"),
        (
            "retry_after_fault",
            "16m",
            '"15m" (the default)',
            "expected at least retry_after_fault, which is 16m",
        ),
        ("retry_after_fault_max", "299s", '"299s"', "expected at least retry_after_fault, which is 5m"),
        ("logical_adress", "x", '"x"', "unknown key, did you mean logical_address?"),
        (
            "broker_url",
            "redis://:pw@b",
            '"redis://:***@b"',
            "unknown key here: broker_url is a top-level key",
        ),
    ],
)
def test_a_mistake_in_an_index(
    document: Document, index: Document, key: str, value: object, shown: str, expected: str
) -> None:
    index.pop(key, None)
    if value is not None:
        index[key] = value

    mistake = the_mistake_of(document)

    assert mistake.key.startswith(f"{_INDEX}.")
    assert mistake.key == f"{_INDEX}.{key}" or "(the default)" in shown
    assert mistake.value == shown
    assert mistake.expected.startswith(expected)


@pytest.mark.parametrize(
    ("key", "value", "shown", "expected"),
    [
        ("source_systems", "SE1", '"SE1"', "expected a list of texts"),
        ("source_systems", [], "[]", "expected at least one"),
        ("source_systems", ["SE1", "S E"], '"S E"', "expected 1 to 64 visible ASCII characters"),
        ("source_systems", ["S" * 65], '"' + "S" * 65 + '"', "expected 1 to 64 visible ASCII characters"),
        ("source_systems", ["SE1", "se1"], '"se1"', "expected each source system once"),
        ("data_controller", None, "(missing)", "required: Organisation number or HSA-id"),
        ("data_controller", "  ", '"  "', "expected an organisation number or HSA-id"),
        (
            "engagement_index",
            "nationel",
            '"nationel"',
            "expected the name of an [engagement_index.…]; did you mean national?",
        ),
        ("engagement_index", "x", '"x"', "expected the name of an [engagement_index.…]; there is national"),
        ("outbox_url", "tidbok", '"tidbok"', "expected the URL of a database"),
        ("outbox_url", "foo://r:pw@tidbok", '"foo://r:***@tidbok"', "expected the URL of a database"),
        ("outbox_table", "ei_outbox; drop", '"ei_outbox; drop"', "expected a table name"),
        ("outbox_table", ".ei_outbox", '".ei_outbox"', "expected a table name"),
        ("care_units", "", '""', 'expected "*" for every unit, or the path of a CSV file'),
        ("care_units", "nowhere.csv", '"nowhere.csv"', 'expected "*" or a file that exists'),
        ("care_units", "a" * 300, f'"{"a" * 199}…', 'expected "*" or a file that exists; it cannot be looked at'),
        ("test_residents", "nowhere.txt", '"nowhere.txt"', 'expected "*" or a file that exists'),
        ("local_identities", "99[0-9", '"99[0-9"', "expected a regular expression; it is none"),
        ("local_identities", "[0-9]{12}", '"[0-9]{12}"', "expected a pattern of local reserve identities only"),
        ("care_unit", "*", '"*"', "unknown key, did you mean care_units?"),
    ],
)
def test_a_mistake_in_a_source(
    document: Document, source: Document, key: str, value: object, shown: str, expected: str
) -> None:
    source.pop(key, None)
    if value is not None:
        source[key] = value

    mistake = the_mistake_of(document)

    assert (mistake.key, mistake.value) == (f"{_SOURCE}.{key}", shown)
    assert mistake.expected.startswith(expected)


@pytest.mark.parametrize("name", ["Tidbok", "tidbok_nord", "tidbok nord", "tidbök", "x" * 65])
def test_a_source_is_named_by_a_slug(document: Document, source: Document, name: str) -> None:
    source["name"] = name

    mistake = the_mistake_of(document)

    assert mistake == Finding(f"source.{name}.name", f'"{name}"', "expected a slug: 1 to 64 of a-z, 0-9 and -")


def test_a_source_without_a_name_is_known_by_its_place(document: Document, source: Document) -> None:
    del source["name"]

    assert the_mistake_of(document).key == "source[1].name"


def test_a_source_name_stands_once(document: Document, source: Document) -> None:
    document["source"].append({**source, "source_systems": ["SE2"]})

    mistake = the_mistake_of(document)

    assert mistake == Finding(f"{_SOURCE}.name", '"tidbok-nord"', "expected a name that no other source has")


def test_a_source_system_stands_in_one_source_whatever_its_case(document: Document, source: Document) -> None:
    document["source"].append({**source, "name": "b", "source_systems": ["SE2321000016-84gx"]})

    mistake = the_mistake_of(document)

    assert (mistake.key, mistake.value) == ("source.b.source_systems", '"SE2321000016-84gx"')
    assert mistake.expected.endswith("it already stands in source.tidbok-nord.source_systems")


def test_index_names_differ_also_in_environment_variables(document: Document, index: Document) -> None:
    document["engagement_index"] = {"a-b": index, "A_b": index}
    document["source"][0]["engagement_index"] = "a-b"

    mistake = the_mistake_of(document)

    assert (mistake.key, mistake.value) == ("engagement_index.A_b", '"A_b"')


def test_an_index_name_that_no_variable_could_spell_is_refused(document: Document, index: Document) -> None:
    document["engagement_index"] = {"national": index, "nät": index}

    mistake = the_mistake_of(document)

    assert (mistake.key, mistake.value) == ("engagement_index.nät", '"nät"')
    assert mistake.expected.startswith("expected a name of 1 to 64 letters")


@pytest.mark.parametrize("value", [None, ""])
def test_qa_requires_test_residents(document: Document, source: Document, value: str | None) -> None:
    document["environment"] = "qa"
    if value is not None:
        source["test_residents"] = value

    mistake = the_mistake_of(document)

    assert mistake.key == f"{_SOURCE}.test_residents"
    assert mistake.expected.startswith("required in qa")


def test_qa_is_content_with_all_residents(document: Document, source: Document) -> None:
    document["environment"] = "qa"
    source["test_residents"] = "*"

    assert parse(document).source[0].test_residents == "*"


def test_all_mistakes_are_told_at_once(document: Document, index: Document, source: Document) -> None:
    document["environment"] = "qa"
    document["poll_interval"] = 1
    index["key_spacing"] = "soon"
    source["source_systems"] = ["S E"]
    source["engagement_index"] = "x"

    keys = {mistake.key for mistake in mistakes_of(document)}

    assert keys == {
        "poll_interval",
        f"{_INDEX}.key_spacing",
        f"{_SOURCE}.source_systems",
        f"{_SOURCE}.engagement_index",
        f"{_SOURCE}.test_residents",
    }


def test_certificates_are_required_for_https_only(document: Document, index: Document) -> None:
    index["url"] = "http://localhost:8088/Update"
    for key in ("client_certificate", "client_key", "ca_bundle"):
        del index[key]

    assert parse(document).engagement_index["national"].client_certificate is None


@pytest.mark.parametrize("key", ["key_spacing", "split_call_interval", "bulk_call_interval", "retry_after_fault"])
def test_pauses_may_be_none_at_all(document: Document, index: Document, key: str) -> None:
    index[key] = "0s"

    assert getattr(parse(document).engagement_index["national"], key) == timedelta(0)


def test_nothing_is_compared_with_key_spacing(document: Document, index: Document) -> None:
    index["key_spacing"] = "1s"

    assert parse(document).engagement_index["national"].call_timeout == timedelta(seconds=90)


def test_source_systems_are_kept_as_configured_and_the_data_controller_is_trimmed(
    document: Document, source: Document
) -> None:
    source["source_systems"] = ["se2321000016-84gX", "TEST"]
    source["data_controller"] = " se232100-0016 "

    taken = parse(document).source[0]

    assert taken.source_systems == ("se2321000016-84gX", "TEST")
    assert taken.data_controller == "se232100-0016"


def test_sentinels_need_the_name_of_what_they_keep(document: Document) -> None:
    document["broker_url"] = "sentinel://:word@one:26379;sentinel://two:26379/0"
    mistake = the_mistake_of(document)
    assert mistake.key == "broker_sentinel_master"
    assert "broker_url names Sentinels" in mistake.expected
    document["broker_sentinel_master"] = "ei-broker"
    assert parse(document).broker_sentinel_master == "ei-broker"


def test_the_national_index_may_not_be_asked_in_production(document: Document, index: Document) -> None:
    """R-39."""
    document["environment"] = "production"
    index |= {"logical_address": "5565594230", "find_content_url": "https://ei.example/FindContent"}
    with pytest.raises(SettingsError, match="aggregating services only"):
        parse(document)
    for better in ({"logical_address": "SE2321000016-REGI"}, {"find_content_url": ""}):
        parse(document | {"engagement_index": {"national": index | better}})
