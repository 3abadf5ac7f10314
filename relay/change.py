"""What one outbox row says: read strictly, or refused with a reason that names every field that is wrong.

Pure. A row arrives as the texts its database wrote (`OutboxRow`); it leaves as a `Change`, a
checked statement of a booking's whole state after the change, or as `Rejected`. Nothing here knows what was
taken before: that is `relay.booking`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Final, TypeVar

from relay.identity import IdentityError, mask, parse_hsa_id, parse_resident_id, shape
from relay.post import is_storable
from relay.wallclock import WallClockError, parse_date, parse_instant, parse_wall_time

T = TypeVar("T")

UPSERT: Final = "upsert"
REMOVE: Final = "remove"
RESIDENT_LIMIT: Final = 32  # characters of a local reserve identity; a national one has 12
REASON_LIMIT: Final = 500  # characters of outcome_reason
READ_AT_MOST: Final = 256  # characters of any value that are read: more than any right one has, blanks around it too
UNREADABLE: Final = "\udcff"  # stands for a value that its database could not give out; no text has it

_BIGINT_LIMIT: Final = 2**63
_VALUE_LIMIT: Final = 40  # characters of a wrong value shown in a reason
_BLANKS: Final = "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f "  # white space up to U+0020: the index knows no other
_BOOLEANS: Final = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


class Kind(StrEnum):
    """What is booked; decides which of the times are read."""

    BOOKING = "booking"
    INVITATION = "invitation"  # timed
    OPEN_INVITATION = "open_invitation"


# The three below are made for every row. They are never changed; frozen ones would take three times as long to make.


@dataclass(slots=True, unsafe_hash=True)
class OutboxRow:
    """One row as its database gave it: every value but the id as text, so that none can be unreadable."""

    id: int
    event_id: str | None = None
    operation: str | None = None
    booking_id: str | None = None
    version: str | None = None
    source_system: str | None = None
    resident_id: str | None = None
    care_unit: str | None = None
    kind: str | None = None
    starts_at: str | None = None
    invited_on: str | None = None
    valid_until: str | None = None
    presentable: str | None = None
    data_controller: str | None = None
    created_at: str | None = None

    def fingerprint(self) -> str:
        """16 hex digits that tell this row from another one that bears its id."""
        said = (
            self.event_id, self.operation, self.booking_id, self.version, self.source_system, self.resident_id,
            self.care_unit, self.kind, self.starts_at, self.invited_on, self.valid_until, self.presentable,
            self.data_controller, self.created_at,
        )  # fmt: skip
        return blake2b(repr(said).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


@dataclass(slots=True, unsafe_hash=True)
class Details:
    """The part of a booking that only an upsert has."""

    resident_id: str
    care_unit: str
    kind: Kind
    starts_at: datetime | None  # naive Swedish time
    invited_on: date | None
    valid_until: datetime | None  # naive Swedish time
    presentable: bool
    data_controller: str | None  # None: the unit's, else the source's


@dataclass(slots=True, unsafe_hash=True)
class Change:
    """A checked row. `details` is None for a remove."""

    row_id: int
    booking_id: str
    version: int | None
    source_system: str  # as configured
    registered_at: datetime | None  # aware UTC; the 60 minutes of R-33 start here; None: not readable
    details: Details | None

    def content(self) -> str:
        """16 hex digits of what the row says, however it is spelt; its id and its created_at are no part of it."""
        d, version = self.details, self.version
        said = [self.booking_id, None if version is None else str(version), self.source_system.upper()]
        if d is not None:
            starts_at, valid_until = (None if at is None else at.isoformat(" ") for at in (d.starts_at, d.valid_until))
            invited_on = None if d.invited_on is None else str(d.invited_on)
            said += (
                d.resident_id, d.care_unit, d.kind.value, starts_at, invited_on, valid_until,
                "True" if d.presentable else "False", d.data_controller,
            )  # fmt: skip
        return blake2b(repr(said).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why a row cannot be taken: every wrong field, what was there (masked) and what was expected."""

    reason: str


def read(
    row: OutboxRow, source_systems: Mapping[str, str], local_identities: re.Pattern[str] | None = None
) -> Change | Rejected:
    """The change a row states.

    `source_systems` are the source's own, as {upper-case HSA-id: as configured}, the default first.
    `local_identities` is what the source's local reserve identities look like: such a one is taken as it stands (R-07).
    """
    try:
        return _read_right(row, source_systems, local_identities)
    except ValueError:  # something is wrong with it: then all that is, is gathered
        return _read_strictly(row, source_systems, local_identities)


def _read_right(
    row: OutboxRow, source_systems: Mapping[str, str], local_identities: re.Pattern[str] | None
) -> Change | Rejected:
    """What `_read_strictly` makes of a row with nothing wrong in it, as nearly all are, in a third of the time. Raises
    ValueError where there is, or may be."""
    if row.event_id:
        _EVENT_ID(row.event_id)
    details = None
    if _OPERATION(row.operation or "") == UPSERT:
        kind = Kind.BOOKING if not row.kind else _KINDS.get(row.kind)
        is_open = kind is Kind.OPEN_INVITATION
        if kind is None or not row.resident_id or not (row.invited_on if is_open else row.starts_at):
            raise ValueError
        presentable = _BOOLEANS.get(row.presentable.lower()) if row.presentable else True
        if presentable is None:
            raise ValueError
        details = Details(
            _resident(local_identities)(row.resident_id),
            parse_hsa_id(row.care_unit or ""),
            kind,
            parse_wall_time(row.starts_at) if row.starts_at and not is_open else None,
            parse_date(row.invited_on) if row.invited_on and is_open else None,
            parse_wall_time(row.valid_until) if row.valid_until else None,
            presentable,
            _CONTROLLER(row.data_controller) if row.data_controller else None,
        )
    system = row.source_system
    return Change(
        row.id,
        _BOOKING_ID(row.booking_id or ""),
        _bigint(row.version) if row.version else None,
        _member_of(source_systems)(system) if system else next(iter(source_systems.values())),
        _registered_at(row),
        details,
    )


def _read_strictly(
    row: OutboxRow, source_systems: Mapping[str, str], local_identities: re.Pattern[str] | None
) -> Change | Rejected:
    reader = _Reader(row)
    operation = reader.required("operation", _OPERATION)
    booking_id = reader.required("booking_id", _BOOKING_ID)
    reader.optional("event_id", _EVENT_ID)
    version = reader.optional("version", _bigint)
    source_system = reader.optional("source_system", _member_of(source_systems))
    details = _read_details(reader, _resident(local_identities)) if operation == UPSERT else None
    if reader.mistakes:
        return Rejected("; ".join(reader.mistakes)[:REASON_LIMIT])
    assert booking_id is not None
    return Change(
        row_id=row.id,
        booking_id=booking_id,
        version=version,
        source_system=source_system or next(iter(source_systems.values())),
        registered_at=_registered_at(row),
        details=details,
    )


def event_id_of(row: OutboxRow) -> str | None:
    """The row's idempotency key, trimmed. A blank one is none, and so is one that no row can have taken: it must not
    reach the relay's database, which may not be able to hold its characters."""
    try:
        return _EVENT_ID(row.event_id) if row.event_id else None
    except ValueError:
        return None


def booking_id_of(row: OutboxRow) -> str | None:
    """The id of the booking a row is about, also where the row is rejected for something else; None: it has none
    that could be taken."""
    try:
        return _BOOKING_ID(row.booking_id) if row.booking_id else None
    except ValueError:
        return None


def _read_details(reader: _Reader, resident: Callable[[str], str]) -> Details | None:
    resident_id = reader.required("resident_id", resident, show=shape)
    care_unit = reader.required("care_unit", parse_hsa_id)
    kind = reader.optional("kind", _kind) or Kind.BOOKING
    starts_at = invited_on = None
    if kind is Kind.OPEN_INVITATION:
        invited_on = reader.required("invited_on", parse_date, why=" for an open_invitation")
    else:
        starts_at = reader.required("starts_at", parse_wall_time, why=f" for {_article(kind)}")
    valid_until = reader.optional("valid_until", parse_wall_time)
    presentable = reader.optional("presentable", _boolean)
    data_controller = reader.optional("data_controller", _CONTROLLER)
    if reader.mistakes or resident_id is None or care_unit is None:
        return None
    return Details(
        resident_id=resident_id,
        care_unit=care_unit,
        kind=kind,
        starts_at=starts_at,
        invited_on=invited_on,
        valid_until=valid_until,
        presentable=presentable is not False,
        data_controller=data_controller,
    )


def _registered_at(row: OutboxRow) -> datetime | None:
    try:
        return parse_instant(row.created_at) if row.created_at else None
    except WallClockError:
        return None


class _Reader:
    """Reads fields of one row and gathers what is wrong with them. An empty text counts as null."""

    def __init__(self, row: OutboxRow) -> None:
        self._row = row
        self.mistakes: list[str] = []

    def required(
        self, field: str, parse: Callable[[str], T], show: Callable[[str], str] | None = None, why: str = ""
    ) -> T | None:
        if not getattr(self._row, field):
            self.mistakes.append(f"{field}: is missing, it is required{why}")
            return None
        return self.optional(field, parse, show)

    def optional(self, field: str, parse: Callable[[str], T], show: Callable[[str], str] | None = None) -> T | None:
        text: str | None = getattr(self._row, field)
        if not text:
            return None
        if text == UNREADABLE:
            self.mistakes.append(f"{field}: the database cannot give it out as text, expected what is valid in UTF-8")
            return None
        try:
            return parse(text)
        except (IdentityError, WallClockError, ValueError) as error:
            self.mistakes.append(f"{field}: was {(show or shown)(text)}, {error}")
            return None


def shown(text: str) -> str:
    """The beginning of a text, quoted, as a reason may show it: printable, without what looks like an identity."""
    beginning = text[: 5 * _VALUE_LIMIT]  # masking megabytes takes seconds; an identity that this cuts is not shown
    masked = mask("".join(c if c.isprintable() else "?" for c in beginning))
    return f'"{masked[:_VALUE_LIMIT]}"' + ("…" if len(masked) > _VALUE_LIMIT else "")


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"expected {' or '.join(allowed)}")
        return text

    return parse


_OPERATION: Final = _one_of(UPSERT, REMOVE)
_ONE_KIND: Final = _one_of(*Kind)


_KINDS: Final = {kind.value: kind for kind in Kind}


def _kind(text: str) -> Kind:
    return Kind(_ONE_KIND(text))


def _is_plain(text: str) -> bool:
    """Whether it is of visible ASCII characters, as nearly all ids are: then there is nothing more to ask."""
    return text != "" and text.isascii() and text.isprintable() and " " not in text


def _plain_text(limit: int, *, sent: bool = True) -> Callable[[str], str]:
    """Text that a post can carry: no control characters, no white space at the ends, nothing the index cannot store.

    White space is what the index takes for it, characters up to U+0020: another blank at an end is part of the id, for
    the index compares ids exactly. With `sent` false the text stays in the relay, which can store any character.
    """

    def parse(text: str) -> str:
        if len(text) <= limit and _is_plain(text):
            return text
        if len(text) > limit:
            number = len(text) if len(text) <= READ_AT_MOST else f"more than {READ_AT_MOST}"
            raise ValueError(f"expected at most {limit} characters, it has {number}")
        if not text.isprintable() and any(_is_control(c) for c in text):  # the first is quick, and most texts are
            raise ValueError("expected no control characters")
        if text != text.strip(_BLANKS):
            raise ValueError("expected no white space at the beginning or end")
        if not text.strip():
            raise ValueError("expected more than blanks")
        if sent and not is_storable(text):
            raise ValueError("expected no characters beyond U+FFFF, such as emoji: the index cannot store them")
        return text

    return parse


def _is_control(c: str) -> bool:
    return unicodedata.category(c) in ("Cc", "Cs") or c in "\ufffe\uffff"


def _trimmed(limit: int, *, sent: bool = True) -> Callable[[str], str | None]:
    """Plain text without the blanks around it, which a column of fixed width pads a value with; None: blank."""
    plain = _plain_text(limit, sent=sent)

    def parse(text: str) -> str | None:
        if len(text) <= limit and _is_plain(text):
            return text
        trimmed = text.strip(_BLANKS)
        return plain(trimmed) if trimmed else None

    return parse


_BOOKING_ID: Final = _plain_text(128)
_EVENT_ID: Final = _trimmed(64, sent=False)
_CONTROLLER: Final = _trimmed(64)


def _resident(local_identities: re.Pattern[str] | None) -> Callable[[str], str]:
    if local_identities is None:
        return parse_resident_id
    pattern = local_identities

    def parse(text: str) -> str:
        return _plain_text(RESIDENT_LIMIT, sent=False)(text) if pattern.fullmatch(text) else parse_resident_id(text)

    return parse


def _member_of(source_systems: Mapping[str, str]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        configured = source_systems.get(parse_hsa_id(text))
        if configured is None:
            raise ValueError(f"expected one of the source's: {', '.join(source_systems.values())}")
        return configured

    return parse


def _bigint(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise ValueError("expected a whole number") from None
    if not -_BIGINT_LIMIT <= number < _BIGINT_LIMIT:
        raise ValueError("expected a whole number of at most 64 bits")
    return number


def _boolean(text: str) -> bool:
    value = _BOOLEANS.get(text.lower())
    if value is None:
        raise ValueError("expected true or false")
    return value


def _article(kind: Kind) -> str:
    return f"an {kind}" if kind is Kind.INVITATION else f"a {kind}"
