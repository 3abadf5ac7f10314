import pytest

from relay.settings.finding import Finding, SettingsError, mask_url, show


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://relay:hunter2@db/relay",
        "postgresql://relay:hunter2@x@db/relay",  # an unescaped @
        "postgresql://relay:hunter2/x@db/relay",
        "redis://:hunter2@broker",
        "postgresql//relay:hunter2@db",
        "postgresql://db/relay?user=relay&password=hunter2",
        "mssql+pyodbc://db/x?odbc_connect=DRIVER=x;PWD=hunter2;",
    ],
)
def test_the_password_of_a_url_is_never_shown(url: str) -> None:
    assert "hunter2" not in mask_url(url)


def test_a_url_without_a_password_is_shown_whole() -> None:
    assert mask_url("https://ei.example:8443/Update") == "https://ei.example:8443/Update"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "(missing)"),
        ("å", '"å"'),
        (True, "true"),
        (5, "5"),
        (["a", 1], '["a", 1]'),
        ({"password": "hunter2"}, "(a table)"),
        (object(), "(object)"),
        ("x" * 1000, '"' + "x" * 199 + "…"),
    ],
)
def test_values_are_shown_as_toml_writes_them(value: object, shown: str) -> None:
    assert show(value) == shown


def test_the_value_of_a_secret_key_is_hidden_also_when_its_name_is_mistyped() -> None:
    assert show("hunter2", key="engagement_index.national.client_key_pasword") == "***"


def test_an_identity_that_stands_in_the_configuration_is_masked() -> None:
    assert "1212" not in show(["191212121212", "19121212-1212"])


def test_an_error_is_readable_as_it_stands() -> None:
    error = SettingsError([Finding("a.b", '"c"', "expected d", "EI_RELAY_A__B"), Finding("e", "1", "expected f")])

    assert str(error).splitlines() == [
        "2 mistakes in the configuration:",
        '  a.b = "c" (from EI_RELAY_A__B): expected d',
        "  e = 1: expected f",
    ]
