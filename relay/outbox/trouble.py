"""What is wrong with an outbox, or with any database we use, in one line for an operator, from the error that it gave.

Pure. An error is known by its code (`relay.outbox.refusals`). The server's own text is never repeated, since it may
quote a value; it is only searched for names of the outbox's own columns.
"""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy.exc import NoSuchModuleError

from relay.database import describe
from relay.drivers import code_of
from relay.outbox.refusals import Kind, kind_of, original_of
from relay.outbox.table import outbox_table

COLUMNS: Final = tuple(column.name for column in outbox_table().columns)

_OF_REACHING: Final = {
    kind: kind.what.replace("outbox_url", "the URL")
    for kind in (
        Kind.LOGIN, Kind.HOST, Kind.EXPIRED, Kind.NO_DATABASE, Kind.SILENT, Kind.STARTING, Kind.TLS, Kind.NO_LIBRARY,
        Kind.POOLER, Kind.FULL, Kind.DISK, Kind.READ_ONLY, Kind.STRANGE_URL,
    )
}  # fmt: skip
_NO_DRIVER: Final = "the driver of this kind of database is not installed"


def explain(error: BaseException, table: str) -> str:
    """One line on what is wrong with the outbox in `table`, the database's code for it and what to do, without any
    value; what is not known by its class."""
    if isinstance(error, NoSuchModuleError | ModuleNotFoundError):
        return _NO_DRIVER
    kind = kind_of(error)
    if kind is None:
        return describe(error)
    code = code_of(original_of(error))
    what = kind.what.format(table=table, columns=_columns_in(error))
    return f"{what}{f' ({code})' if code else ''}; {kind.advice}"


def in_general(error: BaseException) -> str:
    """One line on what is wrong with a database, whichever it is, without any value: its class, and what can be said
    where it is about reaching the database at all."""
    if isinstance(error, NoSuchModuleError):
        return _NO_DRIVER
    kind = kind_of(error)
    if kind not in _OF_REACHING:
        return describe(error)
    return f"{_OF_REACHING[kind]} ({describe(error)}); `ei-relay config check --connect` tells more"


def _columns_in(error: BaseException) -> str:
    """The outbox's columns that the error names: in its first line, for what follows may quote the statement."""
    line = (str(original_of(error)).strip().splitlines() or [""])[0].lower()
    named = [name for name in COLUMNS if re.search(rf"(?<![a-z_]){name}(?![a-z_])", line)]
    return f"the column {', '.join(named)}" if named else "a column"
