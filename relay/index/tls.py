"""Certificate files to a TLS context, and TLS errors to words an operator understands (R-37).

The files are looked at before every call, so that renewed certificates are used from the next call on,
without a restart. What is wrong with them is a CertificateError that names the file.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from relay.index.certificate import Validity, validity
from relay.index.endpoint import Endpoint
from relay.keyfiles import is_pkcs12, load, password_now

Stamp = tuple[tuple[int, int, int], ...]

# What the peer says of our certificate or of our TLS; OpenSSL's names of the alerts (RFC 8446, 6.2).
_ALERTS: Final = {
    "CERTIFICATE_REQUIRED": "the peer demands a client certificate and got none: set client_certificate and client_key",
    "HANDSHAKE_FAILURE": "the peer refused the handshake: a client certificate missing (set client_certificate "
    "and client_key), or no common cipher",
    "CERTIFICATE_EXPIRED": "the peer says that our client certificate has expired: renew it",
    "CERTIFICATE_REVOKED": "the peer says that our client certificate is revoked: order a new one",
    "CERTIFICATE_UNKNOWN": "the peer does not accept our client certificate: it has expired, or its issuer is unknown "
    "to the peer; renew it, or have the issuer added there",
    "BAD_CERTIFICATE": "the peer does not accept our client certificate: it has expired, or its issuer is unknown "
    "to the peer; renew it, or have the issuer added there",
    "UNSUPPORTED_CERTIFICATE": "the peer does not accept our client certificate's type",
    "UNKNOWN_CA": "the peer does not trust the issuer of our client certificate: put the whole chain into "
    "client_certificate, or have the issuer added there",
    "ACCESS_DENIED": "the peer knows our client certificate and denies it access",
    "DECRYPT_ERROR": "the peer could not verify our signature: certificate and key may not belong together",
    "PROTOCOL_VERSION": "the peer and we have no TLS version in common (we take 1.2 and later)",
    "INSUFFICIENT_SECURITY": "the peer demands stronger ciphers than ours",
    "UNRECOGNIZED_NAME": "the peer does not know the host name",
}
_OURS: Final = {
    "UNSUPPORTED_PROTOCOL": "the peer and we have no TLS version in common (we take 1.2 and later)",
    "WRONG_VERSION_NUMBER": "the peer does not speak TLS on this port: check the port in url",
    "HTTP_REQUEST": "the peer does not speak TLS on this port: check the port in url",
}
# What we find wrong with the peer's certificate: OpenSSL's X509_V_ERR_….
_VERIFY: Final = {
    9: "is not valid yet",
    10: "has expired",
    18: "is self-signed and not trusted",
    19: "comes from an issuer that is not in the CA bundle",
    20: "comes from an issuer that is not in the CA bundle",
    21: "comes from an issuer that is not in the CA bundle",
    23: "is revoked",
    62: "is for another host name",
    64: "is for another IP address",
}


class CertificateError(Exception):
    """A certificate or key file of ours is missing, unreadable, out of date or does not fit."""


class Credentials:
    """The files that an endpoint's TLS is made of."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._certificate = endpoint.client_certificate
        self._key = endpoint.client_key
        self._password, self._password_file = endpoint.client_key_password or "", endpoint.client_key_password_file
        self._ca = endpoint.ca_bundle

    def stamp(self) -> Stamp:
        """What changes when any of the files does. Raises CertificateError for a missing one."""
        stamps = []
        for name, path in self._files().items():
            try:
                status = Path(path).stat()
            except OSError as error:
                raise CertificateError(f"The {name} {path} cannot be read: {error.strerror}") from None
            stamps.append((status.st_mtime_ns, status.st_size, status.st_ino))
        return tuple(stamps)

    def context(self) -> tuple[ssl.SSLContext, Validity | None]:
        """A new context from what the files hold now, and our certificate's dates.

        TLS 1.2 or later; the host's name and chain are always checked, up to any certificate of the CA bundle, be it an
        intermediate one. Raises CertificateError.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._trust(context)
        if not self._certificate:
            return context, None
        password = self._password_now()
        try:
            dates = validity(self._certificate, password)
        except OSError as error:
            raise CertificateError(
                f"The client certificate {self._certificate} cannot be read: {error.strerror}"
            ) from None
        except ValueError as error:
            raise CertificateError(f"The client certificate {self._certificate}: {error}") from None
        self._identify(context, password)
        return context, dates

    def check(self, dates: Validity | None, now: datetime | None = None) -> None:
        """Refuse to call with a certificate that everybody would refuse, when that can be said plainly."""
        now = now or datetime.now(UTC)
        if dates is not None and now > dates.not_after:
            raise CertificateError(
                f"The client certificate {self._certificate} expired at {dates.not_after:%Y-%m-%d %H:%M} UTC"
            )
        if dates is not None and now < dates.not_before:
            raise CertificateError(
                f"The client certificate {self._certificate} is not valid until {dates.not_before:%Y-%m-%d %H:%M} UTC"
            )

    def _files(self) -> dict[str, str]:
        named = {
            "client certificate": self._certificate,
            "client key": self._key,
            "client key's password file": self._password_file,
            "CA bundle": self._ca,
        }
        return {name: path for name, path in named.items() if path}

    def _password_now(self) -> str:
        try:
            return password_now(self._password, self._password_file)
        except OSError as error:
            raise CertificateError(
                f"The client key's password file {self._password_file} cannot be read: {error.strerror}"
            ) from None
        except ValueError as error:
            raise CertificateError(f"The client key: {error}") from None

    def _trust(self, context: ssl.SSLContext) -> None:
        if not self._ca:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
            return
        try:
            if Path(self._ca).is_dir():
                context.load_verify_locations(capath=self._ca)
            else:
                context.load_verify_locations(cafile=self._ca)
        except ssl.SSLError:
            raise CertificateError(f"The CA bundle {self._ca} holds no certificates in PEM format") from None
        except OSError as error:
            raise CertificateError(f"The CA bundle {self._ca} cannot be read: {error.strerror}") from None

    def _identify(self, context: ssl.SSLContext, password: str) -> None:
        key = self._key or self._certificate
        try:
            load(context, self._certificate, key, password)
        except ValueError as error:
            raise CertificateError(f"The client certificate {self._certificate}: {error}") from None
        except ssl.SSLError as error:
            if is_pkcs12(key):
                reason = "is PKCS#12, which has the certificate too: let client_certificate name it"
            elif error.reason == "KEY_VALUES_MISMATCH":
                reason = f"does not belong to the certificate {self._certificate}"
            elif "ENCRYPTED" in Path(key).read_text(encoding="latin-1"):
                reason = "cannot be decrypted: its password is missing or wrong"
            else:
                reason = "holds no private key in PEM format, or only a part of one"
            raise CertificateError(f"The client key {key} {reason}") from None
        except OSError as error:
            raise CertificateError(f"The client key {key} cannot be read: {error.strerror}") from None


def explain(error: ssl.SSLError) -> str | None:
    """What a TLS error says is wrong with the configuration; None when it was only the network."""
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = _VERIFY.get(error.verify_code, f"is not accepted: {error.verify_message}")
        return f"The peer's certificate {reason}"
    name = error.reason or ""
    if "ALERT_" in name:
        alert = name.partition("ALERT_")[2]
        return f"TLS: {_ALERTS[alert]}" if alert in _ALERTS else None
    return f"TLS: {_OURS[name]}" if name in _OURS else None
