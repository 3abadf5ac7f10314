"""Where an index is and how it is called: what the client cannot find out itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

__all__ = ["Endpoint"]  # docs/api.md


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One index. Files are paths in text; an empty text means none."""

    url: str  # http:// or https://
    logical_address: str  # names the index, not a care unit
    client_certificate: str = ""  # PEM, the leaf first; or PKCS#12, with its key
    client_key: str = ""  # PEM; none: the key is in the certificate's file
    client_key_password: str | None = field(default=None, repr=False)
    client_key_password_file: str = ""  # the same in a file, read again when it changes
    ca_bundle: str = ""  # PEM file or hashed directory; none: the system's
    proxy: str = field(default="", repr=False)  # http://[user:password@]host:port
    original_consumer: str = ""  # HSA-id, sent in a header if set
    on_behalf_of: str = ""  # as original_consumer
    connect_timeout: timedelta = timedelta(seconds=5)  # TCP, and each wait of the TLS handshake
    read_timeout: timedelta = timedelta(seconds=75)  # each wait for more of the answer
    call_timeout: timedelta = timedelta(seconds=90)  # the whole call
    wsdl: str = ""  # a WSDL file to use instead of the built-in one
