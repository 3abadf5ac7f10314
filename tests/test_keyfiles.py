"""Our certificate and key out of PKCS#12: what is found in it, what is said otherwise, and what is left behind."""

from __future__ import annotations

import os
import ssl
import sys
from pathlib import Path

import pytest
import trustme

from relay import keyfiles
from tests.index.certificates import pkcs12_of

ROOT = trustme.CA()
ISSUED = ROOT.create_child_ca().issue_cert("relay.example")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "function.pfx"
    file.write_bytes(pkcs12_of(ISSUED, "lösen".encode()))
    return file


def load(file: Path, password: str = "lösen") -> None:
    keyfiles.load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), file, None, password)


def test_the_leaf_is_first_and_its_chain_follows_in_order(tmp_path: Path) -> None:
    """The file has them in another order, and the certificate of somebody else among them."""
    (tmp_path / "x").write_bytes(pkcs12_of(ISSUED, others=[trustme.CA().cert_pem.bytes(), ROOT.cert_pem.bytes()]))

    found = keyfiles.certificates(tmp_path / "x")

    assert found.encode() == b"".join(each.bytes() for each in ISSUED.cert_chain_pems) + ROOT.cert_pem.bytes()


def test_a_pem_file_is_what_it_was(tmp_path: Path) -> None:
    ISSUED.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "x"))
    assert not keyfiles.is_pkcs12(tmp_path / "x")
    assert keyfiles.certificates(tmp_path / "x").encode() == ISSUED.private_key_and_cert_chain_pem.bytes()


def test_a_certificate_by_itself_in_der_is_no_pkcs12(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(ssl.PEM_cert_to_DER_cert(ROOT.cert_pem.bytes().decode()))
    assert not keyfiles.is_pkcs12(tmp_path / "x")


@pytest.mark.parametrize("password", ["wrong", ""])
def test_a_password_that_does_not_open_it_is_told_and_not_shown(file: Path, password: str) -> None:
    with pytest.raises(ValueError, match="its password is missing or wrong, or it is damaged") as error:
        load(file, password)
    assert password == "" or str(error.value).count("wrong") == 1


def test_half_a_file_is_told(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(ValueError, match="or it is damaged"):
        load(file)


def test_without_the_library_the_way_out_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.serialization.pkcs12", None)
    for each in (load, lambda file: keyfiles.certificates(file, "lösen")):
        with pytest.raises(ValueError, match=r"pip install 'ei-relay\[pkcs12\]'.*openssl pkcs12"):
            each(file)


@pytest.mark.parametrize("in_memory", [True, False])
def test_the_key_is_nowhere_for_others_to_read(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: bool
) -> None:
    """Neither while it is handed over, nor afterwards, nor when that fails."""
    if not in_memory:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    elif not hasattr(os, "memfd_create"):
        pytest.skip("there are no files in memory here")
    monkeypatch.setattr(keyfiles.tempfile, "tempdir", str(tmp_path))
    seen: list[str] = []

    class Context(ssl.SSLContext):
        def load_cert_chain(self, certfile: str, keyfile: object = None, password: object = None) -> None:  # type: ignore[override]
            path = Path(certfile)
            seen.append(path.read_text())
            if not in_memory:
                assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
            super().load_cert_chain(certfile, keyfile, password)  # type: ignore[arg-type]
            raise ssl.SSLError("no more")

    before = set(tmp_path.iterdir())
    with pytest.raises(ssl.SSLError, match="no more"):
        keyfiles.load(Context(ssl.PROTOCOL_TLS_CLIENT), file, None, "lösen")

    assert "ENCRYPTED PRIVATE KEY" in seen[0]
    assert "BEGIN PRIVATE KEY" not in seen[0]
    assert set(tmp_path.iterdir()) == before
