"""The plain way, as a Celery app: a task for each row, which reads it, calls the index with zeep, and marks it.

Written as one would who has a day for it, and fairly: one zeep client and one database connection a process, no
result backend, no logging. What it leaves out is what a relay is for: it sends a key as often as it changes,
calls in parallel for one source system, never asks what came of a call, and forgets nothing it should delete
because it deletes nothing.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import zeep
from celery import Celery
from sqlalchemy import Connection, create_engine, text

from relay.index.soap import BUILT_IN_WSDL
from tests.bench.relayed import DATA_CONTROLLER, LOGICAL_ADDRESS, SOURCE_SYSTEM

app = Celery("plain", broker=os.environ["BENCH_BROKER"])
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True, worker_prefetch_multiplier=4)

_READ = text("SELECT booking_id, resident_id, care_unit, starts_at FROM ei_outbox WHERE id = :id")
_MARK = text("UPDATE ei_outbox SET outcome = 'taken', relayed_at = now() WHERE id = :id")


@cache
def _service() -> Any:
    client = zeep.Client(str(BUILT_IN_WSDL))
    binding = "{urn:riv:itintegration:engagementindex:Update:1:rivtabp21}IndexOverSoap"
    return client.create_service(binding, os.environ["BENCH_INDEX"])


@cache
def _connection() -> Connection:
    return create_engine(os.environ["BENCH_DATABASE"]).connect()


@app.task(name="plain.send")
def send(row_id: int) -> None:
    """Send one row to the index."""
    connection = _connection()
    row = connection.execute(_READ, {"id": row_id}).one()
    engagement = {
        "registeredResidentIdentification": row.resident_id,
        "serviceDomain": "riv:crm:scheduling",
        "categorization": "NA",
        "logicalAddress": row.care_unit,
        "businessObjectInstanceIdentifier": row.booking_id,
        "clinicalProcessInterestId": "NA",
        "mostRecentContent": row.starts_at.strftime("%Y%m%d%H%M%S"),
        "sourceSystem": SOURCE_SYSTEM,
        "dataController": DATA_CONTROLLER,
    }
    answer = _service().Update(
        engagementTransaction=[{"deleteFlag": False, "engagement": engagement}],
        _soapheaders={"LogicalAddress": LOGICAL_ADDRESS},
    )
    assert answer.ResultCode == "OK"
    connection.execute(_MARK, {"id": row_id})
    connection.commit()
