"""The verdict on every answer there is: a table for the table (R-11, R-33, R-35, R-38)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.index.verdict import TABLE, Answer, Failure, Kind, classify, parse_retry_after
from tests.index.servers import RESIDENT

ACCEPTED, CONTENT, CONFIGURATION, TEMPORARY, UNKNOWN = Kind
SURE, DOUBT = False, True


def fault(text: str, status: int = 500) -> Answer:
    return Answer(status=status, fault_code="soap:Server", fault_string=text)


def result(code: str, comment: str = "") -> Answer:
    return Answer(status=200, result_code=code, comment=comment)


def bare(status: int) -> Answer:
    return Answer(status=status)


CASES = [
    # answer, kind, code, in doubt afterwards
    (result("OK"), ACCEPTED, "OK", SURE),
    (result("INFO", "a remark"), ACCEPTED, "INFO", SURE),
    (result("ERROR", "a logical error"), CONTENT, "ERROR", SURE),
    (fault("EI000: Technical error"), TEMPORARY, "EI000", DOUBT),
    (fault("EI000: The request contains more than 1000 engagements"), CONFIGURATION, "EI000", SURE),
    (fault("EI000: The request contains less than 1 engagements"), CONFIGURATION, "EI000", SURE),
    (fault("EI000: less than 1"), CONFIGURATION, "EI000", SURE),
    (fault("EI000: Not answered in less than 10 s"), TEMPORARY, "EI000", DOUBT),
    (fault("EI001: Invalid payload"), CONTENT, "EI001", SURE),
    (fault("EI002: EngagementTransaction #1 and #2 have the same key"), CONTENT, "EI002", SURE),
    (fault("EI003: Logical address is a but the owner is o"), CONFIGURATION, "EI003", SURE),
    (fault('EI004: mandatory field "x" is missing'), CONTENT, "EI004", SURE),
    (fault("EI005: logicalAddress in EngagementTransaction #1 is reserved"), CONTENT, "EI005", SURE),
    (fault("EI006: sourceSystem in EngagementTransaction #1 is reserved"), CONTENT, "EI006", SURE),
    *(
        (fault(f"VP{number:03} some text"), CONFIGURATION, f"VP{number:03}", SURE)
        for number in (1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16)
    ),
    (fault("VP008 no contact with the catalogue"), TEMPORARY, "VP008", SURE),
    (fault("VP009 error contacting the producer"), TEMPORARY, "VP009", DOUBT),
    (fault("vp009 error contacting the producer"), TEMPORARY, "VP009", DOUBT),
    (fault("VP017 a code of tomorrow"), TEMPORARY, "VP017", DOUBT),
    (fault("NullPointerException"), TEMPORARY, "FAULT", DOUBT),
    (fault("No response received from remote server"), TEMPORARY, "NOANSWER", DOUBT),
    (fault("Uncategorized exception occurred during JMS processing"), TEMPORARY, "BROKER", DOUBT),
    (fault("Header x-skltp-correlation-id is missing"), CONFIGURATION, "HEADER", SURE),
    (fault('Unparseable date: "x"'), TEMPORARY, "DATE", SURE),
    (fault("Unmarshalling Error: x"), TEMPORARY, "XML", SURE),
    (Answer(status=500, fault_code="VP007"), CONFIGURATION, "VP007", SURE),
    # a known fault beats the status, a status beats an unknown fault
    (fault("VP007 not authorised", 200), CONFIGURATION, "VP007", SURE),
    (fault("EI002: x", 403), CONTENT, "EI002", SURE),
    (fault("Access denied", 403), CONFIGURATION, "HTTP403", SURE),
    (fault("strange", 200), TEMPORARY, "FAULT", DOUBT),
    *((bare(status), CONFIGURATION, f"HTTP{status}", SURE) for status in (301, 302, 307, 308, 400, 401, 403, 404, 405)),
    (bare(413), CONTENT, "HTTP413", SURE),
    (bare(429), TEMPORARY, "HTTP429", SURE),
    *((bare(status), TEMPORARY, f"HTTP{status}", DOUBT) for status in (502, 503, 504)),
    *((bare(status), TEMPORARY, f"HTTP{status}", DOUBT) for status in (202, 204, 418, 500)),
    # a 200 that is not an answer
    (bare(200), UNKNOWN, "NONSENSE", DOUBT),
    (result("PARTIAL"), UNKNOWN, "NONSENSE", DOUBT),
    (result(" OK "), UNKNOWN, "NONSENSE", DOUBT),
    (Answer(status=500, result_code="OK"), TEMPORARY, "HTTP500", DOUBT),
    # no answer
    *(
        (Answer(failure=failure, sent=False), TEMPORARY, failure.value, SURE)
        for failure in (Failure.DNS, Failure.CONNECT, Failure.PROXY, Failure.HANDSHAKE, Failure.OTHER)
    ),
    (Answer(failure=Failure.TLS, sent=False), CONFIGURATION, "TLS", SURE),
    (Answer(failure=Failure.TLS, sent=True), CONFIGURATION, "TLS", SURE),
    *(
        (Answer(failure=failure), UNKNOWN, failure.value, DOUBT)
        for failure in (Failure.TIMEOUT, Failure.LOST, Failure.NONSENSE)
    ),
    (Answer(failure=Failure.OTHER), TEMPORARY, "OTHER", DOUBT),
]


@pytest.mark.parametrize(
    ("answer", "kind", "code", "doubt"), CASES, ids=[f"{case[2]}-{n}" for n, case in enumerate(CASES)]
)
def test_given_an_answer_then_its_verdict(answer: Answer, kind: Kind, code: str, doubt: bool) -> None:
    """R-35: whether to repeat depends on the error."""
    verdict = classify(answer)
    assert (verdict.kind, verdict.code, verdict.in_doubt) == (kind, code, doubt)
    assert verdict.sent == answer.sent


def test_every_row_of_the_table_is_tried_above() -> None:
    tried = {classify(case[0]).code for case in CASES}
    rows = {row.split()[0] for row in TABLE if not row.startswith("HTTP3")}
    assert rows <= tried


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (fault("EI002: EngagementTransaction #3 and #17 have the same key"), (2, 16)),
        (fault("EI002: engagementtransaction #3 and EngagementTransaction #17 ..."), (2, 16)),
        (fault("EI005: in EngagementTransaction #1 is reserved"), (0,)),
        (result("ERROR", "EngagementTransaction 2 and 9 have the same unique key"), (1, 8)),
        (result("ERROR", "EngagementTransaction 0 is odd"), ()),
        (fault("EI004: date 20300101 is wrong"), ()),
        (fault("VP009 EngagementTransaction #1"), ()),
    ],
)
def test_given_posts_named_from_one_then_they_are_numbered_from_zero(answer: Answer, named: tuple[int, ...]) -> None:
    """R-11."""
    assert classify(answer).named == named


@pytest.mark.parametrize(
    "answer",
    [
        fault(f"EI004: resident {RESIDENT} is wrong\nand {RESIDENT[:8]}-{RESIDENT[8:]} too"),
        result("INFO", f"{RESIDENT}\r\n\x1b[31m"),
        fault(f"EI004: {RESIDENT[:8]}\u200b{RESIDENT[8:]} {RESIDENT[:6]}\x00{RESIDENT[6:]}"),
        fault("x" * 490 + f" {RESIDENT}"),
        fault("EI001 " + f"{RESIDENT} " * 2000),
    ],
)
def test_given_an_identity_in_an_answer_then_the_text_is_one_short_masked_line(answer: Answer) -> None:
    """R-38."""
    text = classify(answer).text
    assert len(text) <= 500
    assert text.isprintable()
    assert RESIDENT not in text
    assert RESIDENT[:8] not in text


@pytest.mark.parametrize(
    "spelling",
    [
        "19121212-1212",
        "19121212+1212",
        "19121212 1212",
        "19121212\u00a01212",
        "19121212 - 1212",
        "19121212\u20111212",
        "19121212\u22121212",
        "1912-12-12-1212",
        "1912-12-12 1212",
        "121212-1212",
        "121212 1212",
        "1912\u200b1212\u200c12\u00ad12",
        "\u2066191212\u2069121212",
        "19121212%2D1212",
        "19121212%2b1212",
        "19121212%201212",
        "19121212%E2%80%8B1212",
        "https://platform/x?resident%3D191212121212%26y",
        "%31%39%31%32%31%32%31%32%31%32%31%32",
        "%2531%2539121212%252D1212",
        "１９１２１２１２１２１２",
    ],
)
@pytest.mark.parametrize(
    "make", [fault, lambda text: result("INFO", text), lambda text: Answer(detail=text, status=500)]
)
def test_given_an_identity_in_any_spelling_then_nothing_of_it_is_left(
    spelling: str, make: Callable[[str], Answer]
) -> None:
    """R-38."""
    text = classify(make(f"what {spelling}, it said")).text
    assert "[identity]" in text
    assert "1212" not in text


@pytest.mark.parametrize("filling", ["\u200b", " ", "%E2%80%8B"])
@pytest.mark.parametrize("missing", range(14))
def test_given_a_text_cut_in_the_middle_of_an_identity_then_no_part_of_it_is_left(filling: str, missing: int) -> None:
    """R-38: what fills a text may vanish from it, so that its far end comes near."""
    words = "EI004: something that the index had to say "
    room = 5000 - len(RESIDENT) - len(words) + missing
    text = classify(fault(words + (filling * 5000)[:room] + RESIDENT + " and more" * 100)).text
    assert text.startswith("EI004")
    assert "1912" not in text


@given(st.text(), st.text(), st.integers(100, 999))
def test_whatever_the_text_the_code_is_of_a_bounded_set(string: str, code: str, status: int) -> None:
    """Codes are labels of metrics."""
    verdict = classify(Answer(status=status, fault_code=code, fault_string=string))
    assert verdict.code in TABLE or verdict.code[:2] in {"EI", "VP"} or verdict.code == f"HTTP{status}"
    assert len(verdict.code) <= 9


NOW = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "pause"),
    [
        ("120", timedelta(minutes=2)),
        (" 0 ", timedelta(0)),
        ("Tue, 01 Jan 2030 12:10:00 GMT", timedelta(minutes=10)),
        ("Tue, 01 Jan 2030 11:00:00 GMT", None),
        ("99999999999999999999", timedelta(hours=1)),
        ("Tue, 01 Jan 2199 12:10:00 GMT", timedelta(hours=1)),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("²", None),
    ],
)
def test_given_a_retry_after_then_seconds_and_dates_are_read_and_bounded(value: str, pause: timedelta | None) -> None:
    """R-33, R-35: honoured, yet never past the hour in which a post is due."""
    assert parse_retry_after(value, NOW) == pause


@given(st.text() | st.from_regex(r"\w{3}, \d{1,6} \w{3} \d{1,9} \d\d:\d\d:\d\d [+-]\d{1,9}", fullmatch=True))
def test_whatever_a_retry_after_holds_it_is_a_pause_or_nothing(value: str) -> None:
    pause = parse_retry_after(value, NOW)
    assert pause is None or timedelta(0) <= pause <= timedelta(hours=1)


@pytest.mark.parametrize(("status", "kept"), [(503, True), (429, True), (403, False), (200, False)])
def test_given_a_pause_asked_for_then_only_a_temporary_verdict_keeps_it(status: int, kept: bool) -> None:
    """R-35."""
    verdict = classify(Answer(status=status, retry_after=timedelta(minutes=7)))
    assert (verdict.retry_after is not None) == kept
