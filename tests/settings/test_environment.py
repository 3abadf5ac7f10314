from __future__ import annotations

from typing import Any

import pytest

from relay.settings.environment import Overlaid, overlay

Document = dict[str, Any]


def no_file(name: str) -> str:
    raise FileNotFoundError(2, "No such file or directory", name)


def laid_over(document: Document, **environ: str) -> Overlaid:
    return overlay(document, environ, no_file)


def test_variables_win_over_the_document_and_leave_it_as_it_was(document: Document) -> None:
    result = laid_over(
        document,
        EI_RELAY_CONFIG="x.toml",
        EI_RELAY_DATABASE_URL="sqlite:///x",
        EI_RELAY_ENGAGEMENT_INDEX__NATIONAL__KEY_SPACING="1s",
        EI_RELAY_SOURCE__TIDBOK_NORD__OUTBOX_URL="sqlite:///y",
        PATH="/bin",
    )

    assert result.document["database_url"] == "sqlite:///x"
    assert result.document["engagement_index"]["national"]["key_spacing"] == "1s"
    assert result.document["source"][0]["outbox_url"] == "sqlite:///y"
    assert "outbox_url" not in document["source"][0]
    assert result.origins["source.tidbok-nord.outbox_url"] == "EI_RELAY_SOURCE__TIDBOK_NORD__OUTBOX_URL"
    assert (result.mistakes, result.warnings) == ([], [])


@pytest.mark.parametrize("name", ["regional-test", "Regional_Test"])
def test_an_index_is_found_whatever_its_case_and_dashes(document: Document, index: Document, name: str) -> None:
    document["engagement_index"][name] = dict(index)

    result = laid_over(document, EI_RELAY_ENGAGEMENT_INDEX__REGIONAL_TEST__PROXY="http://p")

    assert result.document["engagement_index"][name]["proxy"] == "http://p"


def test_a_name_may_hold_the_delimiter(document: Document, source: Document) -> None:
    source["name"] = "tidbok--nord"

    result = laid_over(document, EI_RELAY_SOURCE__TIDBOK__NORD__TITLE="x")

    assert result.document["source"] == [{**source, "title": "x"}]


def test_tables_can_be_made_by_variables_alone() -> None:
    result = laid_over({}, EI_RELAY_SOURCE__A_B__TITLE="t", EI_RELAY_ENGAGEMENT_INDEX__C_D__URL="u")

    assert result.document == {
        "source": [{"name": "a-b", "title": "t"}],
        "engagement_index": {"c-d": {"url": "u"}},
    }


@pytest.mark.parametrize("text", ["SE1,SE2", " SE1 , SE2 ,", '["SE1", "SE2"]'])
def test_a_list_is_json_or_texts_between_commas(document: Document, text: str) -> None:
    result = laid_over(document, EI_RELAY_SOURCE__TIDBOK_NORD__SOURCE_SYSTEMS=text)

    assert result.document["source"][0]["source_systems"] == ["SE1", "SE2"]


@pytest.mark.parametrize("text", ['["SE1"', "[" * 50_000])
def test_a_list_that_is_nearly_json_is_a_mistake_and_not_an_hsa_id(document: Document, text: str) -> None:
    (mistake,) = laid_over(document, EI_RELAY_SOURCE__TIDBOK_NORD__SOURCE_SYSTEMS=text).mistakes

    assert mistake.key == "source.tidbok-nord.source_systems"
    assert mistake.expected.startswith("expected texts with commas between, or a list in JSON")


def test_a_value_is_read_from_the_file_named(document: Document) -> None:
    result = overlay(
        document, {"EI_RELAY_DATABASE_URL_FILE": "/run/secrets/url"}, {"/run/secrets/url": "u\n"}.__getitem__
    )

    assert result.document["database_url"] == "u"
    assert result.origins == {"database_url": "EI_RELAY_DATABASE_URL_FILE"}


def test_a_file_that_cannot_be_read_is_a_mistake(document: Document) -> None:
    (mistake,) = laid_over(document, EI_RELAY_DATABASE_URL_FILE="/run/secrets/url").mistakes

    assert str(mistake) == (
        'database_url = "/run/secrets/url" (from EI_RELAY_DATABASE_URL_FILE): '
        "expected the path of a file with the value; it cannot be read: No such file or directory"
    )


def test_a_value_and_its_file_exclude_each_other(document: Document) -> None:
    (mistake,) = laid_over(
        document, EI_RELAY_DATABASE_URL="sqlite:///x", EI_RELAY_DATABASE_URL_FILE="/run/secrets/url"
    ).mistakes

    assert mistake.key == "database_url"
    assert mistake.expected == "expected either this or EI_RELAY_DATABASE_URL, not both"


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("EI_RELAY_SERVICE_HOST", "ignored: no setting has this name"),
        ("EI_RELAY_PORT_5432_TCP", "ignored: no setting has this name"),
        ("EI_RELAY_DATABASE_ULR", "did you mean EI_RELAY_DATABASE_URL?"),
        ("EI_RELAY_SOURCE", "ignored: no setting has this name"),
        ("EI_RELAY_SOURCE__TITLE", "ignored: no setting has this name"),
        ("EI_RELAY_SOURCE__TIDBOK_NORD__NAME", "ignored: no setting has this name"),
        (
            "EI_RELAY_SOURCE__TIDBOK_NORD__OUTBOX_ULR",
            "did you mean EI_RELAY_SOURCE__TIDBOK_NORD__OUTBOX_URL?",
        ),
        ("EI_RELAY_SOURCES__TIDBOK_NORD__TITLE", "ignored: no setting has this name"),
        ("EI_RELAY_", "ignored: no setting has this name"),
    ],
)
def test_a_variable_that_means_nothing_is_warned_of(document: Document, variable: str, hint: str) -> None:
    result = laid_over(document, **{variable: "x"})

    (warning,) = result.warnings
    assert warning.key == variable
    assert hint in warning.expected
    assert (result.document, result.mistakes) == (document, [])


def test_a_key_of_a_table_is_likened_to_by_its_own_name_only(document: Document) -> None:
    table = "EI_RELAY_ENGAGEMENT_INDEX__NATIONAL"
    result = laid_over(document, **{f"{table}__NOSUCH": "1", f"{table}__KEY_SPASING": "5m"})

    assert {warning.key: warning.expected for warning in result.warnings} == {
        f"{table}__NOSUCH": "ignored: no setting has this name",
        f"{table}__KEY_SPASING": f"ignored: no setting has this name; did you mean {table}__KEY_SPACING?",
    }


def test_a_port_that_kubernetes_sets_for_a_service_is_not_taken_for_a_setting(document: Document) -> None:
    result = laid_over(document, EI_RELAY_EXPORTER_PORT="tcp://10.0.0.1:9464")

    (warning,) = result.warnings
    assert (warning.key, warning.value) == ("EI_RELAY_EXPORTER_PORT", '"tcp://10.0.0.1:9464"')
    assert "exporter_port" not in result.document


@pytest.mark.parametrize("shape", [{"source": {}}, {"source": "x"}, {"engagement_index": []}, {"source": [5]}])
def test_a_document_of_the_wrong_shape_is_left_to_validation(shape: Document) -> None:
    result = laid_over(shape, EI_RELAY_SOURCE__A__TITLE="t", EI_RELAY_ENGAGEMENT_INDEX__B__URL="u")

    assert (result.mistakes, result.warnings) == ([], [])
