"""Whether rows wait in outboxes of one database, asked of all of them with one statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select

from relay.database import reading
from relay.outbox.reader import OutboxReader

AT_ONCE: Final = 50  # outboxes in one statement, and in one message


def which_wait(readers: Sequence[OutboxReader]) -> list[bool]:
    """For each of the readers, which have one engine, whether a row is there to be read. Raises as the driver does."""
    asked = select(*(reader.first_waiting().label(f"n{number}") for number, reader in enumerate(readers)))
    with reading(readers[0].engine) as connection:
        return [first is not None for first in connection.execute(asked).one()]
