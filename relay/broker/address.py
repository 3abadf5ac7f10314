"""How the broker is reached: kombu's settings for one server, or for the servers that Sentinel keeps.

`sentinel://` names the Sentinels, each with its port, and the account of the servers that they keep; `rediss+sentinel://`
is the same with TLS to both. kombu reads the account and the database from the first of them alone, and after a failure
from the one it tries next, so here each of them says the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import redis
from kombu import Connection
from redis.credentials import CredentialProvider

from relay.broker.transport import PASSWORD_FILE, register
from relay.settings import Settings

CONNECT_SECONDS: Final = 5
_TLS: Final = "rediss+sentinel"
_OPTIONS: Final = {
    "socket_timeout": 10,  # without it one dead connection hangs the worker's loop for ever
    "socket_connect_timeout": CONNECT_SECONDS,
    "socket_keepalive": True,
    "health_check_interval": 5,
    "visibility_timeout": 300,
    "unacked_restore_interval": 10,
}


@dataclass(frozen=True, slots=True)
class Address:
    """What kombu and Celery are told."""

    url: str = field(repr=False)
    options: dict[str, Any] = field(repr=False)
    tls: dict[str, Any] | None = None


class PasswordFile(CredentialProvider):
    """The account's password from a file that is read at each connection, so a new one needs no restart."""

    def __init__(self, user: str, file: Path) -> None:
        self._user, self._file = user, file

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """User and password, or the password alone. Raises OSError."""
        password = self._file.read_text(encoding="utf-8").strip()
        return (self._user, password) if self._user else (password,)


def address_of(settings: Settings, **options: Any) -> Address:
    """The broker of these settings; `options` go before those that workers have."""
    url, told, tls = settings.broker_url, {**_OPTIONS, **options}, None
    first = urlsplit(url.split(";")[0])
    if "sentinel" in first.scheme:
        url, tls = _of_sentinels(url)
        sentinel: dict[str, Any] = {name: value for name, value in told.items() if name.startswith("socket_")}
        if tls:
            sentinel |= {"ssl": True, **tls}
        if settings.broker_sentinel_user:
            sentinel["username"] = settings.broker_sentinel_user
        if password := settings.broker_sentinel_password.get_secret_value():
            sentinel["password"] = password
        told |= {"master_name": settings.broker_sentinel_master, "sentinel_kwargs": sentinel}
    if settings.broker_password_file is None:
        return Address(url, told, tls)
    told[PASSWORD_FILE] = PasswordFile(unquote(first.username or ""), settings.broker_password_file)
    return Address(url, told, tls)


def connection_to(settings: Settings, **options: Any) -> Connection:
    """A connection as workers have it."""
    register()
    address = address_of(settings, **options)
    return Connection(address.url, transport_options=address.options, ssl=address.tls or False)


def _of_sentinels(url: str) -> tuple[str, dict[str, Any] | None]:
    parts = [urlsplit(each.strip()) for each in url.split(";")]
    account = next((each.netloc.rpartition("@")[0] for each in parts if "@" in each.netloc), "")
    database = next((each.path for each in parts if each.path.strip("/")), "/0")
    said = dict(pair for each in parts for pair in parse_qsl(each.query))
    tls = None
    if parts[0].scheme == _TLS:
        tls = {"ssl_cert_reqs": said.get("ssl_cert_reqs", "required")}
        tls |= {name: said[name] for name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile") if name in said}
    prefix = f"{account}@" if account else ""
    hosts = [each.netloc.rpartition("@")[2] for each in parts]
    return ";".join(f"sentinel://{prefix}{host}{quote(database)}" for host in hosts), tls


def refuse_cluster(client: redis.Redis) -> None:
    """Raise ValueError where the server is one of a cluster. An account that may not ask is believed."""
    try:
        enabled = client.info("cluster").get("cluster_enabled")
    except redis.RedisError:
        return
    if enabled:
        raise ValueError("it is a cluster, which the queues cannot lie on: name one server, or Sentinels")
