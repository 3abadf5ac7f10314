from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from relay.settings import Finding, SettingsError, parse
from relay.settings.files import check_files
from tests.index.certificates import pkcs12_of

Document = dict[str, Any]
_INDEX = "engagement_index.national"


@pytest.fixture(autouse=True)
def certificates(tmp_path: Path) -> None:
    authority = trustme.CA()
    ours, other = authority.issue_cert("relay.example"), authority.issue_cert("other.example")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.crt"))
    ours.cert_chain_pems[0].write_to_path(str(tmp_path / "tls.crt"))
    ours.private_key_pem.write_to_path(str(tmp_path / "tls.key"))
    other.private_key_pem.write_to_path(str(tmp_path / "other.key"))
    encrypted = load_pem_private_key(ours.private_key_pem.bytes(), None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hunter2")
    )
    (tmp_path / "encrypted.key").write_bytes(encrypted)
    (tmp_path / "not.pem").write_text("nothing")


def found(document: Document, folder: Path) -> list[Finding]:
    return check_files(parse(document, folder))


def test_files_that_fit_are_passed_over(document: Document, tmp_path: Path) -> None:
    assert found(document, tmp_path) == []


@pytest.mark.parametrize(
    ("key", "file", "told_of", "expected"),
    [
        (
            "client_certificate",
            "no.crt",
            "client_certificate",
            "expected a PEM file; it cannot be used: No such file",
        ),
        ("client_key", "no.key", "client_key", "expected a PEM file; it cannot be used: No such file"),
        (
            "client_certificate",
            "not.pem",
            "client_certificate",
            "expected a certificate and, in client_key, its own",
        ),
        (
            "client_key",
            "other.key",
            "client_certificate",
            "expected a certificate and, in client_key, its own",
        ),
        (
            "client_key",
            "encrypted.key",
            "client_certificate",
            "expected a certificate and, in client_key, its own",
        ),
        ("ca_bundle", "no.crt", "ca_bundle", "expected certificates in PEM; it cannot be used: No such file"),
        ("ca_bundle", "not.pem", "ca_bundle", "expected certificates in PEM; it cannot be used:"),
        ("wsdl", "no.wsdl", "wsdl", "expected a WSDL; it cannot be used:"),
        ("wsdl", "not.pem", "wsdl", "expected a WSDL; it cannot be used:"),
    ],
)
def test_a_file_that_does_not_fit(
    document: Document, index: Document, tmp_path: Path, key: str, file: str, told_of: str, expected: str
) -> None:
    index[key] = file

    (mistake,) = found(document, tmp_path)

    assert mistake.key == f"{_INDEX}.{told_of}"
    assert str(tmp_path) in mistake.value
    assert mistake.expected.startswith(expected)


def test_an_encrypted_key_is_opened_with_its_passphrase(document: Document, index: Document, tmp_path: Path) -> None:
    index.update(client_key="encrypted.key", client_key_password="hunter2")

    assert found(document, tmp_path) == []


def test_a_wrong_passphrase_is_a_mistake_that_does_not_show_it(
    document: Document, index: Document, tmp_path: Path
) -> None:
    index.update(client_key="encrypted.key", client_key_password="hunter3")

    (mistake,) = found(document, tmp_path)

    assert "hunter3" not in str(mistake)


def test_pkcs12_is_certificate_and_key_in_one(document: Document, index: Document, tmp_path: Path) -> None:
    (tmp_path / "function.p12").write_bytes(pkcs12_of(trustme.CA().issue_cert("relay.example"), b"hunter2"))
    (tmp_path / "password").write_text("hunter2\n")
    del index["client_key"]
    index.update(client_certificate="function.p12", client_key_password_file="password")
    assert found(document, tmp_path) == []

    index["client_key"] = "tls.key"
    (mistake,) = found(document, tmp_path)
    assert (mistake.key, mistake.expected.partition(":")[0]) == (f"{_INDEX}.client_key", "expected none")

    del index["client_key"]
    (tmp_path / "password").write_text("hunter3\n")
    (mistake,) = found(document, tmp_path)
    assert "it is PKCS#12 and cannot be opened: its password is missing or wrong" in mistake.expected
    assert "hunter3" not in str(mistake)

    (tmp_path / "password").unlink()
    (mistake,) = found(document, tmp_path)
    assert mistake.key == f"{_INDEX}.client_key_password_file"


def test_one_password_is_enough(document: Document, index: Document, tmp_path: Path) -> None:
    index.update(client_key_password="hunter2", client_key_password_file="password")
    with pytest.raises(SettingsError, match="either this or client_key_password"):
        parse(document, tmp_path)


def test_the_lists_of_a_source_are_read(document: Document, source: Document, tmp_path: Path) -> None:
    (tmp_path / "units.csv").write_text("hsa_id,active\nA1,perhaps\nA 2,\n")
    (tmp_path / "residents.txt").write_text("1912\n")
    document["environment"] = "qa"
    source.update(care_units="units.csv", test_residents="residents.txt")

    mistakes = found(document, tmp_path)

    assert [(each.key, each.expected.partition(":")[0]) for each in mistakes] == [
        ("source.tidbok-nord.care_units", "line 2"),
        ("source.tidbok-nord.care_units", "line 3"),
        ("source.tidbok-nord.test_residents", "line 1"),
    ]


def test_in_production_the_test_residents_are_not_looked_at(
    document: Document, source: Document, tmp_path: Path
) -> None:
    (tmp_path / "residents.txt").write_text("1912\n")
    source["test_residents"] = "residents.txt"

    assert found(document, tmp_path) == []


def test_a_ca_bundle_may_be_a_folder_as_it_may_for_calls(document: Document, tmp_path: Path) -> None:
    (tmp_path / "authorities").mkdir()
    document["engagement_index"]["national"]["ca_bundle"] = "authorities"
    assert found(document, tmp_path) == []
