"""Whether the files that a configuration names can be read and hold what they should."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

from relay.catalogue import CatalogueError, read_care_units, read_test_residents
from relay.keyfiles import is_pkcs12, load, password_now
from relay.settings.engagement_index import EngagementIndex
from relay.settings.finding import Finding, show
from relay.settings.model import Settings, Source


def check_files(settings: Settings) -> list[Finding]:
    """Every mistake in a file that the settings name. Connects nowhere."""
    found = [each for name, index in settings.engagement_index.items() for each in _of_index(name, index)]
    for source in settings.source:
        found += _of_source(source, in_production=settings.environment == "production")
    return found


def key_password(index: EngagementIndex) -> str:
    """What opens the client key now. Raises OSError and ValueError where its file cannot be read."""
    return password_now(index.client_key_password.get_secret_value(), index.client_key_password_file)


def _of_index(name: str, index: EngagementIndex) -> Iterator[Finding]:
    prefix = f"engagement_index.{name}"
    yield from _certificate(prefix, index)
    if index.ca_bundle is not None:
        try:
            _load_authorities(index.ca_bundle)
        except (ssl.SSLError, OSError) as error:
            yield _unusable(f"{prefix}.ca_bundle", index.ca_bundle, "certificates in PEM", error)
    if index.wsdl is not None:
        from lxml import etree  # five MiB, which only a WSDL of one's own costs

        try:
            etree.parse(index.wsdl, etree.XMLParser(resolve_entities=False, no_network=True))
        except (etree.XMLSyntaxError, OSError) as error:
            yield _unusable(f"{prefix}.wsdl", index.wsdl, "a WSDL", error)


def _certificate(prefix: str, index: EngagementIndex) -> Iterator[Finding]:
    for key, path, expected in (
        ("client_certificate", index.client_certificate, "a PEM file"),
        ("client_key", index.client_key, "a PEM file"),
        ("client_key_password_file", index.client_key_password_file, "a file with the password"),
    ):
        if path is None:
            continue
        try:
            path.read_bytes()
        except OSError as error:
            yield _unusable(f"{prefix}.{key}", path, expected, error)
            return
    if index.client_certificate is None:
        return
    if index.client_key not in (None, index.client_certificate) and is_pkcs12(index.client_certificate):
        yield Finding(
            f"{prefix}.client_key",
            show(str(index.client_key)),
            "expected none: client_certificate is PKCS#12, with its key",
        )
    try:
        load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), index.client_certificate, index.client_key, key_password(index))
    except (ssl.SSLError, OSError, ValueError) as error:
        expected = "a certificate and, in client_key, its own private key, with client_key_password if encrypted"
        yield _unusable(f"{prefix}.client_certificate", index.client_certificate, expected, error)


def _load_authorities(bundle: Path) -> None:
    """As calls do: a file, or a folder of them by their hashes."""
    if bundle.is_dir():
        next(bundle.iterdir(), None)
    else:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=bundle)


def _of_source(source: Source, *, in_production: bool) -> Iterator[Finding]:
    prefix = f"source.{source.name}"
    if isinstance(source.care_units, Path):
        try:
            read_care_units(source.care_units)
        except CatalogueError as error:
            yield from _listed(f"{prefix}.care_units", source.care_units, error)
    if isinstance(source.test_residents, Path) and not in_production:
        try:
            read_test_residents(source.test_residents)
        except CatalogueError as error:
            yield from _listed(f"{prefix}.test_residents", source.test_residents, error)


def _listed(key: str, path: Path, error: CatalogueError) -> Iterator[Finding]:
    for mistake in error.mistakes:
        yield Finding(key, show(str(path)), mistake)


def _unusable(key: str, path: Path, expected: str, error: Exception) -> Finding:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error) or type(error).__name__
    return Finding(key, show(str(path)), f"expected {expected}; it cannot be used: {reason}")
