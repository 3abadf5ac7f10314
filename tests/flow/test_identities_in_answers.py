"""A peer that quotes a resident's identity: nothing of it reaches the relay's database or its log (R-38)."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from relay.flow.delivery.step import deliver
from relay.observe.logging import formatter
from tests.flow.site import LANE, FlowSite
from tests.index.servers import answering, fault, http, serve, update_response

SPELLINGS = [
    "191212121212",
    "19121212-1212",
    "19121212+1212",
    "19121212 1212",
    "121212-1212",
    "1912\u200b1212\u200d1212",
    "&#49;91212&#x31;21212",
    "https://platform/x?resident=19121212%2D1212&amp;y",
    "%31%39%31%32%31%32%31%32%31%32%31%32",
]
REMAINS = re.compile(r"(1912|1212)\W*1212")

ERROR = "500 Internal Server Error"
ANSWERS = {
    # name: (the answer, the columns that keep its text)
    "parked": (lambda text: http(fault(f"EI004: {text} is wrong"), ERROR), "SELECT parked_text FROM ei_post"),
    "logical": (lambda text: http(update_response("ERROR", f"{text} is wrong")), "SELECT parked_text FROM ei_post"),
    "blocked": (lambda text: http(fault(f"VP007 {text}"), ERROR), "SELECT blocked_text FROM ei_lane"),
    "resting": (lambda text: http(fault(f"VP009 {text}"), ERROR), "SELECT text FROM ei_call"),
    "accepted": (lambda text: http(update_response("INFO", f"{text} is odd")), "SELECT text FROM ei_call"),
    "unknown fault": (lambda text: http(fault(text, code=text), ERROR), "SELECT text FROM ei_call"),
}


@contextmanager
def site_of(folder: Path, answer: bytes) -> Iterator[FlowSite]:
    """A site with one booking taken in, whose index answers so."""
    with serve(answering(answer)) as server:
        site = FlowSite(folder, url=server.url)
        try:
            site.insert("b-1")
            site.take_in()
            yield site
        finally:
            site.close()


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", ANSWERS)
def test_given_an_identity_in_an_answer_then_neither_database_nor_log_has_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, spelling: str
) -> None:
    caplog.set_level(logging.DEBUG)
    answer, kept = ANSWERS[name]
    with site_of(tmp_path, answer(spelling)) as site:
        # When the lane calls
        caplog.clear()
        assert deliver(site.relay, LANE) is not None
        # Then what is kept of the answer shows that something was there, and not what
        [(text,)] = site.ask(kept)
        assert "[identity]" in text
        texts = site.ask(
            "SELECT text FROM ei_call UNION ALL SELECT blocked_text FROM ei_lane"
            " UNION ALL SELECT parked_text FROM ei_post"
        )
        assert REMAINS.search(str(texts)) is None
    # And so does the log: before it is masked as a whole, and in both forms it is written in
    records = [record for record in caplog.records if record.name.startswith("relay")]
    assert any("[identity]" in str(vars(record)) for record in records)
    assert REMAINS.search(str([vars(record) for record in records])) is None
    for form in ("json", "text"):
        lines = [formatter(form).format(record) for record in caplog.records]  # type: ignore[arg-type]
        assert REMAINS.search("\n".join(lines)) is None
