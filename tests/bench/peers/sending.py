"""What peers do alike: read rows, say them with zeep, mark them. Written as one would who has a day for it, and fairly:
one client and one connection a process, a cancelled or hidden booking is deleted, a refused call is an error.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import psycopg
import zeep
from psycopg.rows import dict_row

from tests.bench.names import DATA_CONTROLLER, LOGICAL_ADDRESS, SOURCE_SYSTEM

_ROOT: Final = Path(__file__).parents[3]
_WSDL: Final = _ROOT / "relay" / "index" / "contract" / "update.wsdl"
_BINDING: Final = "{urn:riv:itintegration:engagementindex:Update:1:rivtabp21}IndexOverSoap"

READ: Final = "SELECT * FROM ei_outbox WHERE id = ANY(%s) ORDER BY id"
MARK: Final = "UPDATE ei_outbox SET outcome = 'taken', relayed_at = now() WHERE id = ANY(%s)"


def connection() -> psycopg.Connection[dict[str, Any]]:
    """A connection to the database with the outbox."""
    url = os.environ["BENCH_DATABASE"].replace("postgresql+psycopg:", "postgresql:")
    return psycopg.connect(url, autocommit=True, row_factory=dict_row)


@cache
def service() -> Any:
    """The index, as zeep calls it."""
    return zeep.Client(str(_WSDL)).create_service(_BINDING, os.environ["BENCH_INDEX"])


def post(row: dict[str, Any]) -> dict[str, Any]:
    """A row as a post."""
    gone = row["operation"] != "upsert" or not row["presentable"]
    engagement = {
        "registeredResidentIdentification": row["resident_id"],
        "serviceDomain": "riv:crm:scheduling",
        "categorization": "NA",
        "logicalAddress": row["care_unit"],
        "businessObjectInstanceIdentifier": row["booking_id"],
        "clinicalProcessInterestId": "NA",
        "mostRecentContent": None if gone else row["starts_at"].strftime("%Y%m%d%H%M%S"),
        "sourceSystem": SOURCE_SYSTEM,
        "dataController": DATA_CONTROLLER,
    }
    return {"deleteFlag": gone, "engagement": engagement}


def call(rows: Sequence[dict[str, Any]]) -> None:
    """One call with these rows. Raises zeep's Fault where the index refuses it."""
    answer = service().Update(
        engagementTransaction=[post(row) for row in rows], _soapheaders={"LogicalAddress": LOGICAL_ADDRESS}
    )
    if answer.ResultCode != "OK":
        raise RuntimeError(str(answer.ResultCode))


def send(outbox: psycopg.Connection[dict[str, Any]], ids: Sequence[int]) -> None:
    """Read these rows, say them in one call, mark them."""
    call(outbox.execute(READ, [list(ids)]).fetchall())
    outbox.execute(MARK, [list(ids)])
