"""A mail to 1177's administration: as text to look at, and as a file that a mail program opens and sends (RFC 5322).

Attachments are CSV in UTF-8 with a byte order mark, which Excel needs to show å, ä and ö. In Swedish.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import make_msgid
from typing import Final, NamedTuple

from relay.settings import Region

ADDRESSEE: Final = "e-tjanster@1177.se"  # the national administration of 1177's e-services
FILL_IN: Final = "(fylls i)"


class Attachment(NamedTuple):
    """A table that goes with a mail."""

    name: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


class Letter(NamedTuple):
    """A mail before it has a sender; `to` is "" where the region fills in the addressee."""

    subject: str
    body: str
    attachments: tuple[Attachment, ...] = ()
    to: str = ADDRESSEE


def signature(region: Region) -> str:
    """How a mail ends: who sends it, and whom to call."""
    name = region.name or f"{FILL_IN} region"
    number = f", organisationsnummer {region.organisation_number}" if region.organisation_number else ""
    contact = ", ".join(x for x in (region.contact_name, region.contact_email, region.contact_phone) if x)
    return f"Med vänlig hälsning\n{name}{number}\nKontaktperson: {contact or FILL_IN}\n"


def preview(letter: Letter, region: Region) -> str:
    """The mail as text."""
    sender = _sender(region) if region.contact_email else FILL_IN
    lines = [f"Till: {letter.to or FILL_IN}", f"Från: {sender}", f"Ämne: {letter.subject}"]
    lines += [f"Bilaga: {each.name} ({len(each.rows)} rader)" for each in letter.attachments]
    return "\n".join(lines) + "\n\n" + letter.body


def lacking(region: Region) -> list[str]:
    """The keys that a mail cannot be sent without and that are not set."""
    needed = ("name", "contact_name", "contact_email", "contact_phone")
    return [f"region.{key}" for key in needed if not getattr(region, key)]


def message(letter: Letter, region: Region, now: datetime) -> bytes:
    """The mail as a file, unsent. Raises ValueError where the sender's address is none."""
    mail = EmailMessage(policy=SMTP)
    mail["To"] = letter.to
    mail["From"] = mail["Reply-To"] = Address(region.contact_name, addr_spec=region.contact_email)
    mail["Subject"] = letter.subject
    mail["Date"] = now
    mail["Message-ID"] = make_msgid(domain=region.contact_email.rpartition("@")[2] or None)
    mail["X-Unsent"] = "1"  # mail programs open it as a draft
    mail.set_content(letter.body)
    for each in letter.attachments:
        content = as_csv(each.header, each.rows).encode("utf-8-sig")
        mail.add_attachment(content, maintype="text", subtype="csv", filename=each.name)
    return mail.as_bytes()


def as_csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as CSV text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _sender(region: Region) -> str:
    return f"{region.contact_name} <{region.contact_email}>".strip()
