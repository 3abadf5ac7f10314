from __future__ import annotations

from pathlib import Path

import pytest

from relay.settings import SettingsError, load
from relay.settings.files import key_password

_RIGHT = """
environment = "qa"
database_url = "sqlite:///relay.db"
[engagement_index.national]
url = "https://ei.example/Update"
logical_address = "5565594230"
client_certificate = "tls.crt"
client_key = "/etc/tls.key"
ca_bundle = "ca.crt"
[[source]]
name = "tidbok-nord"
source_systems = ["SE2321000016-84GX"]
data_controller = "SE232100-0016"
engagement_index = "national"
care_units = "units.csv"
test_residents = "*"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "units.csv").write_text("hsa_id\n")
    file = tmp_path / "relay.toml"
    file.write_text(_RIGHT)
    return file


def error_of(environ: dict[str, str], path: str | None = None) -> SettingsError:
    with pytest.raises(SettingsError) as refused:
        load(path, environ)
    return refused.value


def test_the_file_is_named_by_the_environment_or_by_the_caller(file: Path) -> None:
    assert load(environ={"EI_RELAY_CONFIG": str(file)}) == load(str(file), environ={})


def test_the_process_environment_is_the_default(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EI_RELAY_CONFIG", str(file))
    monkeypatch.setenv("EI_RELAY_POLL_INTERVAL", "2s")

    assert load().poll_interval.total_seconds() == 2


def test_relative_paths_start_at_the_folder_of_the_file(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    settings = load("../relay.toml", {"EI_RELAY_ENGAGEMENT_INDEX__NATIONAL__WSDL": "own.wsdl"})

    index = settings.engagement_index["national"]
    assert index.client_certificate is not None
    assert index.client_certificate.resolve() == tmp_path / "tls.crt"
    assert index.client_key == Path("/etc/tls.key")
    assert index.wsdl is not None
    assert index.wsdl.resolve() == tmp_path / "own.wsdl"
    assert settings.database_url == "sqlite:///relay.db"


def test_the_environment_gives_numbers_and_secrets(file: Path, tmp_path: Path) -> None:
    (tmp_path / "passphrase").write_text("hunter2\r\n")

    settings = load(
        str(file),
        {
            "EI_RELAY_ENGAGEMENT_INDEX__NATIONAL__MAX_POSTS_PER_CALL": "50",
            "EI_RELAY_BROKER_SENTINEL_PASSWORD_FILE": "passphrase",
            "EI_RELAY_ENGAGEMENT_INDEX__NATIONAL__CLIENT_KEY_PASSWORD_FILE": "passphrase",
            "EI_RELAY_EXPORTER_PORT": "9000",
            "EI_RELAY_LOG_LEVEL": "debug",
        },
    )

    index = settings.engagement_index["national"]
    assert (index.max_posts_per_call, settings.exporter_port, settings.log_level) == (50, 9000, "DEBUG")
    assert settings.broker_sentinel_password.get_secret_value() == "hunter2"
    assert key_password(index) == "hunter2", "read each time it is needed"


def test_warnings_of_the_environment_join_those_of_the_settings(file: Path) -> None:
    settings = load(
        str(file),
        {"EI_RELAY_SERVICE_HOST": "10.0.0.1", "EI_RELAY_ENGAGEMENT_INDEX__NATIONAL__KEY_SPACING": "1s"},
    )

    spacing, unknown = settings.warnings
    assert spacing.origin == "EI_RELAY_ENGAGEMENT_INDEX__NATIONAL__KEY_SPACING"
    assert unknown.key == "EI_RELAY_SERVICE_HOST"


def test_a_mistake_says_which_variable_it_came_from(file: Path) -> None:
    (mistake,) = error_of({"EI_RELAY_POLL_INTERVAL": "5"}, str(file)).mistakes

    assert str(mistake).startswith('poll_interval = "5" (from EI_RELAY_POLL_INTERVAL): expected a duration')


def test_a_wrong_value_from_a_file_is_not_shown(file: Path, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("hunter2")

    error = error_of({"EI_RELAY_DATABASE_URL_FILE": "url"}, str(file))

    assert error.mistakes[0].value == "***"
    assert "hunter2" not in str(error)


def test_an_unreadable_secret_is_told_of_once(file: Path) -> None:
    file.write_text(_RIGHT.replace("database_url", "# database_url"))

    (mistake,) = error_of({"EI_RELAY_DATABASE_URL_FILE": "nowhere"}, str(file)).mistakes

    assert mistake.expected.endswith("it cannot be read: No such file or directory")


def test_a_secret_that_is_not_text_is_told_of(file: Path, tmp_path: Path) -> None:
    (tmp_path / "url").write_bytes(b"\xff")

    (mistake,) = error_of({"EI_RELAY_DATABASE_URL_FILE": "url"}, str(file)).mistakes

    assert mistake.expected.endswith("it is not UTF-8 text")


def test_no_file_named() -> None:
    (mistake,) = error_of({}).mistakes

    assert str(mistake) == (
        "EI_RELAY_CONFIG = (missing): required: the path of the configuration file; one to begin with is "
        "config/minimal.toml of the project, or share/ei-relay/config/minimal.toml of the environment"
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "expected a TOML file; it cannot be read: No such file or directory"),
        (b"a = \xff", "expected a TOML file in UTF-8"),
        (
            b"a = 1\nb",
            "expected valid TOML: Expected '=' after a key in a key/value pair (at end of document)",
        ),
        (b"a = " + b"9" * 5000, "expected valid TOML: a number is too long in it, or brackets stand too deep"),
        (b"a = " + b"[" * 5000, "expected valid TOML: a number is too long in it, or brackets stand too deep"),
    ],
)
def test_a_file_that_cannot_be_taken(file: Path, content: bytes | None, expected: str) -> None:
    file.unlink()
    if content is not None:
        file.write_bytes(content)

    (mistake,) = error_of({"EI_RELAY_CONFIG": str(file)}).mistakes

    assert (mistake.key, mistake.value) == ("EI_RELAY_CONFIG", f'"{file}"')
    assert mistake.expected == expected


def test_a_byte_order_mark_is_tolerated(file: Path, tmp_path: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + _RIGHT.encode())
    (tmp_path / "url").write_bytes(b"\xef\xbb\xbfsqlite:///secret.db\r\n")

    settings = load(str(file), {"EI_RELAY_DATABASE_URL_FILE": "url"})

    assert (settings.environment, settings.database_url) == ("qa", "sqlite:///secret.db")
