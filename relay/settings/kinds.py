"""The kinds of value a setting can have: how each is read, and what is expected of it.

Every text that is raised here completes the sentence "key = value: …" for an operator.
"""

from __future__ import annotations

import re
import warnings
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from stat import S_ISREG
from typing import Annotated, Final, Literal
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from pydantic import AfterValidator, BeforeValidator, PlainValidator, ValidationInfo

from relay.identity import IdentityError, mask, parse_hsa_id
from relay.post import is_storable
from relay.settings.duration import EXPECTED as EXPECTED_DURATION
from relay.settings.duration import parse_duration
from relay.settings.url import Address, read_url

ALL: Final = "*"
OFF: Final = "off"

_SLUG = re.compile(r"[a-z0-9-]{1,64}")
_INDEX_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TABLE = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+){0,2}")
_BIGGEST_COUNT: Final = 10**9 - 1  # far more than anything here counts, and nothing that a database cannot hold
_NATIONAL: Final = ("191212121212", "198001802384", "22120129TF12")  # one of each kind that may be sent
_BROKER_SCHEMES: Final = ("redis", "rediss", "redis+socket", "socket", "memory")
_SENTINEL_SCHEMES: Final = ("sentinel", "redis+sentinel", "rediss+sentinel")
_RELAY_DRIVERS: Final = ("postgresql", "postgresql+psycopg", "sqlite", "sqlite+pysqlite")
_OUTBOX_BACKENDS: Final = ("postgresql", "mysql", "mariadb", "mssql", "oracle", "sqlite")


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str):
        return parse_duration(value)
    raise ValueError(EXPECTED_DURATION)


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("expected more than zero")
    return value


def _duration_or_off(value: object) -> timedelta:
    if value in (0, "0") and not isinstance(value, bool):
        return timedelta(0)
    try:
        return _duration(value)
    except ValueError as error:
        raise ValueError(f"{error}, or 0 for never") from None


def _optional_duration(value: object) -> timedelta | None:
    return None if value is None or value == "" else _positive(_duration(value))


def _count(value: object) -> int:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):  # the environment knows text only
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError("expected a whole number of at least 1")
    if value > _BIGGEST_COUNT:
        raise ValueError(f"expected a whole number of at most {_BIGGEST_COUNT}")
    return value


def _percent(value: object) -> int:
    try:
        percent = _count(value)
    except ValueError:
        percent = 0
    if not 1 <= percent <= 100:
        raise ValueError("expected a whole number of percent, 1 to 100")
    return percent


def _port(value: object) -> int:
    try:
        port = _count(value)
    except ValueError:
        port = 0
    if not 1 <= port <= 65535:
        raise ValueError("expected a port number, 1 to 65535")
    return port


def _host(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.:_-]{1,255}", value):
        raise ValueError("expected a host name or an address, such as localhost or 10.1.2.3")
    return value


def _header_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", value):
        raise ValueError("expected the name of an HTTP header, such as X-Forwarded-User")
    return value


def _networks(value: tuple[str, ...]) -> tuple[str, ...]:
    for each in value:
        try:
            ip_network(each)
        except ValueError:
            raise ValueError(f"expected addresses or networks, such as 10.1.2.3 or 10.1.0.0/24, not {each!r}") from None
    return value


def _port_or_off(value: object) -> int:
    if value == 0 and not isinstance(value, bool):
        return 0
    try:
        return 0 if value == "0" else _port(value)
    except ValueError:
        raise ValueError("expected a port number, 1 to 65535, or 0 for none") from None


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _slug(value: str) -> str:
    if not _SLUG.fullmatch(value):
        raise ValueError("expected a slug: 1 to 64 of a-z, 0-9 and -")
    return value


def _index_name(value: str) -> str:
    if not _INDEX_NAME.fullmatch(value):
        raise ValueError("expected a name of 1 to 64 letters a-z, digits, - and _")
    return value


def _hsa_id(value: str) -> str:
    """Checked, but kept as configured: an order must name a source system exactly as it is sent (R-52)."""
    try:
        parse_hsa_id(value)
    except IdentityError as error:
        raise ValueError(f"{error} (an HSA-id or organisation number)") from None
    return value


def _optional_hsa_id(value: str) -> str:
    return _hsa_id(value) if value else value


def _data_controller(value: str) -> str:
    trimmed = value.strip()
    if not 1 <= len(trimmed) <= 64 or not trimmed.isprintable():
        raise ValueError("expected an organisation number or HSA-id of 1 to 64 characters")
    if not is_storable(trimmed):
        raise ValueError("expected no characters beyond U+FFFF: the index cannot store them")
    return trimmed


def parse_table_name(value: str) -> str:
    """A table's name, with its schema if it has one. Raises ValueError, whose text says what was expected."""
    if not _TABLE.fullmatch(value):
        raise ValueError(
            'expected a table name of A-Z, a-z, 0-9 and _, with its schema if need be: "booking.ei_outbox"'
        )
    return value


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0  # reading the port checks it
    except ValueError:
        return False


def _http_url(value: str) -> str:
    is_http = value.lower().startswith(("http://", "https://"))
    if not is_http or not _has_host(value) or re.search(r"\s", value):
        raise ValueError("expected an address that begins with https:// and a host name")
    return value


def _optional_http_url(value: str) -> str:
    if value and not (value.lower().startswith(("http://", "https://")) and _has_host(value)):
        raise ValueError("expected a proxy's address, such as http://proxy:3128, or nothing")
    return value


def _broker_url(value: str) -> str:
    if value.partition("://")[0] in _SENTINEL_SCHEMES:
        return _sentinel_url(value)
    scheme, separator, rest = value.partition("://")
    if not separator or scheme not in _BROKER_SCHEMES or not _is_plain(rest):
        raise ValueError(
            "expected the URL of a Redis or Valkey server, such as redis://broker:6379/0 "
            "(reserved characters in a password are written as %40 and the like)"
        )
    return _verified(value) if scheme == "rediss" else value


def _sentinel_url(value: str) -> str:
    """One URL for each Sentinel, all of one scheme."""
    first = value.partition("://")[0]
    for each in value.split(";"):
        scheme, separator, rest = each.strip().partition("://")
        if not separator or scheme != first or not _is_plain(rest) or not _has_host(f"//{rest}"):
            raise ValueError(
                "expected the Sentinels, such as sentinel://one:26379;sentinel://two:26379;sentinel://three:26379/0, "
                "all of one scheme (reserved characters in a password are written as %40 and the like)"
            )
    return value


def _verified(url: str) -> str:
    """The URL, asking for the server's certificate to be verified unless it says otherwise: the client's own default is
    to take any."""
    parts = urlsplit(url)
    asked = dict(parse_qsl(parts.query)).get("ssl_cert_reqs")
    if asked is None:
        return urlunsplit(parts._replace(query="&".join(filter(None, [parts.query, "ssl_cert_reqs=required"]))))
    if asked not in ("required", "optional", "none"):
        raise ValueError("expected required, optional or none as ssl_cert_reqs")
    return url


def _is_plain(rest: str) -> bool:
    """Whether what follows `redis://` is read as it was meant. A `/`, `?` or `#` in a password ends the address early,
    and what stands before it is taken for a port, which the broker's client would quote in its error."""
    try:
        parts = urlsplit(f"//{rest}")
        return parts.port != 0 and "@" not in parts.path + parts.query + parts.fragment  # reading the port checks it
    except ValueError:
        return False


def _driver(url: str) -> str | None:
    """The driver that the URL names; None where the URL is none, or one of SQLite that names no file: what is in memory
    is another database for each connection."""
    try:
        parsed = read_url(url)
    except ValueError:
        return None
    if parsed.backend == "sqlite" and not _names_a_file(parsed, url):
        return None
    return parsed.drivername


def _names_a_file(parsed: Address, url: str) -> bool:
    if parsed.username or parsed.password or parsed.host or parsed.port or parsed.database in (None, "", ":memory:"):
        return False
    return not parsed.query or _sqlite_takes(url)


def _sqlite_takes(url: str) -> bool:
    """Whether SQLite has a use for the options of a URL."""
    from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite  # twenty MiB, which only this costs
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of options that are left unused
            SQLiteDialect_pysqlite().create_connect_args(make_url(url))
    except (ArgumentError, ValueError):
        return False
    return True


def _database_url(value: str) -> str:
    if _driver(value) not in _RELAY_DRIVERS:
        raise ValueError(
            "expected postgresql+psycopg://user:password@host/database or sqlite:///file "
            "(reserved characters in a password are written as %40 and the like)"
        )
    return value


def _outbox_url(value: str) -> str:
    if not value:
        return value
    driver = _driver(value)
    if driver is None or driver.partition("+")[0] not in _OUTBOX_BACKENDS:
        raise ValueError(
            "expected the URL of a database, such as postgresql+psycopg://user:password@host/database; "
            f"known are {', '.join(_OUTBOX_BACKENDS)}"
        )
    return value


def _local_identities(value: str) -> str:
    if not value:
        return value
    try:
        pattern = re.compile(value)
    except re.error as error:
        raise ValueError(f"expected a regular expression; it is none: {error}") from None
    if any(pattern.fullmatch(national) for national in _NATIONAL):
        raise ValueError("expected a pattern of local reserve identities only; it matches national ones too")
    return value


def _path(value: object, info: ValidationInfo) -> Path | None:
    """A relative path starts at the folder of the configuration file, wherever the process was started."""
    if value is None or isinstance(value, Path):
        return value
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("expected the path of a file, in quotes")
    folder: Path = (info.context or {}).get("folder", Path())
    return folder / value if value else None


def _spool_dir(value: object, info: ValidationInfo) -> Path | Literal["", "off"]:
    if value in ("", OFF):
        return "" if value == "" else OFF
    path = _path(value, info)
    if path is None or (path.exists() and not path.is_dir()):
        raise ValueError('expected the path of a folder, or "off"')
    return path


def _list_file(value: object, info: ValidationInfo) -> Path | Literal["*"] | None:
    if value == ALL:
        return ALL
    path = _path(value, info)
    try:
        there = path is None or S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        there = False
    except OSError as error:  # a folder on the way that may not be entered, a name that is too long
        raise ValueError(f'expected "*" or a file that exists; it cannot be looked at: {error.strerror}') from None
    if not there:  # masked: residents may have been listed where the file of them should have been named
        raise ValueError(f'expected "*" or a file that exists; there is none at {mask(str(path))}')
    return path


def _care_units(value: object, info: ValidationInfo) -> Path | Literal["*"]:
    chosen = _list_file(value, info)
    if chosen is None:
        raise ValueError('expected "*" for every unit, or the path of a CSV file')
    return chosen


SpoolDir = Annotated[Path | Literal["", "off"], PlainValidator(_spool_dir)]
LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)]
Duration = Annotated[timedelta, PlainValidator(_duration)]
PositiveDuration = Annotated[Duration, AfterValidator(_positive)]
DurationOrOff = Annotated[timedelta, PlainValidator(_duration_or_off)]
OptionalDuration = Annotated[timedelta | None, PlainValidator(_optional_duration)]
Count = Annotated[int, PlainValidator(_count)]
Percent = Annotated[int, PlainValidator(_percent)]
Port = Annotated[int, PlainValidator(_port)]
Host = Annotated[str, AfterValidator(_host)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
Networks = Annotated[tuple[str, ...], AfterValidator(_networks)]
PortOrOff = Annotated[int, PlainValidator(_port_or_off)]
Slug = Annotated[str, AfterValidator(_slug)]
IndexName = Annotated[str, AfterValidator(_index_name)]
HsaId = Annotated[str, AfterValidator(_hsa_id)]
OptionalHsaId = Annotated[str, AfterValidator(_optional_hsa_id)]
DataController = Annotated[str, AfterValidator(_data_controller)]
LocalIdentities = Annotated[str, AfterValidator(_local_identities)]
TableName = Annotated[str, AfterValidator(parse_table_name)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
OptionalHttpUrl = Annotated[str, AfterValidator(_optional_http_url)]
BrokerUrl = Annotated[str, AfterValidator(_broker_url)]
DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
OutboxUrl = Annotated[str, AfterValidator(_outbox_url)]
FilePath = Annotated[Path | None, PlainValidator(_path)]
CareUnitsFile = Annotated[Path | Literal["*"], PlainValidator(_care_units)]
ResidentsFile = Annotated[Path | Literal["*"] | None, PlainValidator(_list_file)]
