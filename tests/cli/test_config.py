from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner, Result
from cryptography.x509.oid import ExtendedKeyUsageOID

from relay.cli.config import config
from tests.cli.configuration import RIGHT
from tests.cli.test_probe_of_index import function_certificate
from tests.index.certificates import pkcs12_of


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "relay.toml"
    file.write_text(RIGHT.format(folder=tmp_path))
    monkeypatch.setenv("EI_RELAY_CONFIG", str(file))
    return file


def check(*options: str) -> Result:
    return CliRunner().invoke(config, ["check", *options], catch_exceptions=False)


def test_warnings_do_no_harm(file: Path) -> None:
    result = check()

    assert result.exit_code == 0
    warning, count = result.output.splitlines()
    assert warning.startswith('warning  engagement_index.practice.url = "http://127.0.0.1:1/Update": not encrypted')
    assert count == "0 mistakes, 1 warning"


def test_every_mistake_has_a_line(file: Path) -> None:
    file.write_text(file.read_text().replace('"qa"', '"test"').replace("data_controller", "data_controler"))

    result = check()

    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert lines[0] == "mistake  environment = \"test\": expected 'qa' or 'production'"
    assert any("unknown key, did you mean data_controller?" in line for line in lines)
    assert lines[-1] == "3 mistakes, 0 warnings"


def test_files_are_read(file: Path, tmp_path: Path) -> None:
    (tmp_path / "units.csv").write_text("hsa_id\nA 1\n")
    file.write_text(file.read_text() + 'care_units = "units.csv"\n')

    result = check()

    assert result.exit_code == 1
    assert f'source.tidbok-nord.care_units = "{tmp_path}/units.csv": line 2: hsa_id: expected' in result.output


def test_json_is_one_object(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EI_RELAY_POLL_INTERVAL", "1")

    result = check("--json")

    assert result.exit_code == 1
    report = json.loads(result.output)
    assert report["ok"] is False
    (mistake,) = report["mistakes"]
    assert mistake.pop("expected").startswith("expected a duration")
    assert mistake == {"key": "poll_interval", "value": '"1"', "origin": "EI_RELAY_POLL_INTERVAL"}
    assert (report["warnings"], report["connections"]) == ([], [])


def test_without_a_file_there_is_one_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EI_RELAY_CONFIG", raising=False)

    result = check()

    assert result.exit_code == 1
    assert result.output.startswith("mistake  EI_RELAY_CONFIG = (missing): required")


def test_nothing_is_connected_to_unless_asked_for(file: Path) -> None:
    assert "connect " not in check().output


def test_with_connect_each_target_has_a_verdict(file: Path, tmp_path: Path) -> None:
    result = check("--connect")

    assert result.exit_code == 1
    verdicts = [line.split(": ")[0] for line in result.output.splitlines() if line.startswith("connect ")]
    assert verdicts == [
        "connect  FAILED database_url",
        "connect  FAILED source.tidbok-nord.outbox_url",
        "connect  FAILED engagement_index.practice.url",
    ]
    assert not (tmp_path / "relay.db").exists()


@pytest.mark.parametrize(
    ("begins", "ends", "says"),
    [
        (-10, 29, "in 28 days: renew it"),
        (-10, -1, "it ended on "),
        (2, 400, "it is not valid before "),
    ],
)
def test_a_certificate_that_is_not_valid_for_another_month_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begins: int, ends: int, says: str
) -> None:
    now = datetime.now(UTC)
    certificate = trustme.CA().issue_cert(
        "relay.example", not_before=now + timedelta(days=begins), not_after=now + timedelta(days=ends)
    )
    (tmp_path / "tls.crt").write_bytes(certificate.cert_chain_pems[0].bytes())
    (tmp_path / "tls.key").write_bytes(certificate.private_key_pem.bytes())
    (tmp_path / "relay.toml").write_text(RIGHT.format(folder=tmp_path), encoding="utf-8")
    monkeypatch.setenv("EI_RELAY_CONFIG", str(tmp_path / "relay.toml"))
    for key in ("certificate", "key"):
        path = str(tmp_path / f"tls.{'crt' if key == 'certificate' else key}")
        monkeypatch.setenv(f"EI_RELAY_ENGAGEMENT_INDEX__PRACTICE__CLIENT_{key.upper()}", path)

    done = CliRunner().invoke(config, ["check"])

    assert done.exit_code == 0, done.output
    (line,) = [line for line in done.output.splitlines() if says in line]
    assert line.startswith("warning  engagement_index.practice.client_certificate")


def test_a_certificate_for_another_hsa_id_than_was_ordered_is_warned_of(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = function_certificate(-9, 90, [ExtendedKeyUsageOID.CLIENT_AUTH])
    prefix = "EI_RELAY_ENGAGEMENT_INDEX__PRACTICE__CLIENT_"
    for key in ("CERTIFICATE", "KEY"):
        (tmp_path / "tls.pem").write_bytes(ours)
        monkeypatch.setenv(prefix + key, str(tmp_path / "tls.pem"))

    monkeypatch.setenv(f"{prefix}HSA_ID", "se2321000016-abcd")
    assert "the platform may not know us" not in check().output
    monkeypatch.setenv(f"{prefix}HSA_ID", "SE2321000016-ABCE")
    assert "it is for SE2321000016-ABCD, and client_hsa_id says SE2321000016-ABCE" in check().output


def test_the_dates_of_pkcs12_are_looked_at_too(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = datetime.now(UTC) + timedelta(days=3, hours=1)
    (tmp_path / "function.p12").write_bytes(pkcs12_of(trustme.CA().issue_cert("a.example", not_after=ends), b"sesam"))
    (tmp_path / "password").write_text("sesam")
    for key, value in (("CERTIFICATE", "function.p12"), ("KEY_PASSWORD_FILE", "password")):
        monkeypatch.setenv(f"EI_RELAY_ENGAGEMENT_INDEX__PRACTICE__CLIENT_{key}", str(tmp_path / value))

    done = check()

    assert done.exit_code == 0, done.output
    assert f"it ends on {ends:%Y-%m-%d}, in 3 days: renew it" in done.output


def test_a_certificate_without_its_issuer_s_in_the_file_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a certificate that an intermediate has issued, with the chain and without, and a bundle of the root
    root = trustme.CA()
    issued = root.create_child_ca().issue_cert("relay.example")
    leaf, *others = (pem.bytes() for pem in issued.cert_chain_pems)
    (tmp_path / "tls.key").write_bytes(issued.private_key_pem.bytes())
    root.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    (tmp_path / "relay.toml").write_text(RIGHT.format(folder=tmp_path), encoding="utf-8")
    monkeypatch.setenv("EI_RELAY_CONFIG", str(tmp_path / "relay.toml"))
    for key, file in (("CLIENT_CERTIFICATE", "tls.crt"), ("CLIENT_KEY", "tls.key"), ("CA_BUNDLE", "ca.pem")):
        monkeypatch.setenv(f"EI_RELAY_ENGAGEMENT_INDEX__PRACTICE__{key}", str(tmp_path / file))

    said = []
    for chain in (leaf, b"".join([leaf, *others])):
        (tmp_path / "tls.crt").write_bytes(chain)
        said.append(CliRunner().invoke(config, ["check"]).output)

    assert ["put the whole chain there" in each for each in said] == [True, False]
