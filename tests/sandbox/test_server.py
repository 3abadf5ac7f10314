"""The sandbox over real HTTP: SOAP, every way an answer can go wrong on the wire, and the control API."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import pytest
import requests

from relay.sandbox.command import serve
from relay.sandbox.contract import CORRELATION_ID
from relay.sandbox.core import Options
from relay.sandbox.referee import Limits
from relay.sandbox.server import Sandbox
from relay.sandbox.verbs import VERBS
from tests.sandbox.messages import EARLY, HEADERS, LATE, Post, call, find_content, gone, held, rules
from tests.waiting import wait_until


def post(http: requests.Session, sandbox: Sandbox, *posts: Post, timeout: float = 30) -> requests.Response:
    return http.post(sandbox.update_url, data=call(*posts), headers=HEADERS, timeout=timeout)


def order(http: requests.Session, sandbox: Sandbox, **wanted: Any) -> None:
    response = http.post(f"{sandbox.url}/api/orders", json={"times": 1} | wanted, timeout=30)
    assert response.status_code == 201, response.text


def test_update_and_find_content(sandbox: Sandbox, http: requests.Session) -> None:
    response = post(http, sandbox, Post())
    assert (response.status_code, response.headers["Content-Type"]) == (200, "text/xml;charset=utf-8")
    assert "<ResultCode>OK</ResultCode>" in response.text
    assert response.headers[CORRELATION_ID] == sandbox.core.calls()[0]["correlation_id"]
    body = find_content(registeredResidentIdentification="191212121212", serviceDomain="riv:crm:scheduling")
    found = http.post(sandbox.find_content_url, data=body, headers=HEADERS, timeout=30)
    assert f"mostRecentContent>{LATE}<" in found.text
    assert not sandbox.core.breaches()


def test_any_path_that_ends_in_the_contract_is_the_index(sandbox: Sandbox, http: requests.Session) -> None:
    response = http.post(f"{sandbox.url}/x/Update/1/rivtabp21", data=call(Post()), headers=HEADERS, timeout=30)
    assert response.status_code == 200


def test_a_connection_is_kept_alive_and_carries_a_full_call(sandbox: Sandbox, http: requests.Session) -> None:
    took = []
    for turn in range(3):
        posts = [Post(f"b-{turn}-{n}") for n in range(1000)]
        took.append(post(http, sandbox, *posts).elapsed.total_seconds())
    assert min(took) < 2  # a busy machine may hold up one of them
    adapter: Any = http.get_adapter(sandbox.url)
    (pool,) = adapter.poolmanager.pools._container.values()
    assert pool.num_connections == 1
    assert sandbox.core.summary()["posts"] == 3000


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/vp/itintegration/engagementindex/Update/1/rivtabp21", 405),
        ("POST", "/nowhere", 404),
        ("POST", "/api/posts", 405),
        ("PUT", "/api/posts", 501),
    ],
)
def test_wrong_doors(sandbox: Sandbox, http: requests.Session, method: str, path: str, status: int) -> None:
    assert http.request(method, sandbox.url + path, timeout=30).status_code == status


def test_a_body_in_chunks_is_understood(sandbox: Sandbox, http: requests.Session) -> None:
    body = call(Post())
    response = http.post(sandbox.update_url, data=iter([body[:100], body[100:]]), headers=HEADERS, timeout=30)
    assert response.status_code == 200
    assert held(sandbox.core) == {"b-1": LATE}


def test_ordered_fault_result_status_and_nonsense(sandbox: Sandbox, http: requests.Session) -> None:
    order(http, sandbox, answer="fault", text="VP009: no contact", applied=True)
    order(http, sandbox, answer="result", code="INFO", comment="å remark")
    order(http, sandbox, answer="http", status=503, headers={"Retry-After": "7"}, body="busy")
    order(http, sandbox, answer="body", body="<html>hello</html>")
    fault, info, busy, nonsense = (post(http, sandbox, Post()) for _ in range(4))
    assert (fault.status_code, "<faultstring>VP009: no contact" in fault.text) == (500, True)
    assert "<ResultCode>INFO</ResultCode><comment>å remark</comment>" in info.text
    assert (busy.status_code, busy.headers["Retry-After"], busy.text) == (503, "7", "busy")
    assert (nonsense.status_code, nonsense.text) == (200, "<html>hello</html>")
    assert [c["applied"] for c in sandbox.core.calls()] == [True, True, False, False]


@pytest.mark.parametrize(("answer", "applied"), [("lost", True), ("unapplied-lost", False)])
def test_ordered_loss(sandbox: Sandbox, http: requests.Session, answer: str, applied: bool) -> None:
    order(http, sandbox, answer=answer)
    with pytest.raises(requests.ConnectionError):
        post(http, sandbox, Post())
    assert bool(sandbox.core.posts()) is applied
    assert post(http, sandbox, Post()).status_code == 200


def test_ordered_cut(sandbox: Sandbox, http: requests.Session) -> None:
    order(http, sandbox, cut_after=20)
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="20 bytes read"):
        post(http, sandbox, Post())
    assert held(sandbox.core) == {"b-1": LATE}


def test_ordered_delay(sandbox: Sandbox, http: requests.Session) -> None:
    order(http, sandbox, delay=0.2)
    started = time.monotonic()
    assert post(http, sandbox, Post()).status_code == 200
    assert time.monotonic() - started >= 0.2


def test_ordered_drip(sandbox: Sandbox, http: requests.Session) -> None:
    def came_before_its_end() -> bool:
        """Whether the head of an answer that drips is there while its body is still to come."""
        order(http, sandbox, drip=0.005)
        response = http.post(sandbox.update_url, data=call(Post()), headers=HEADERS, timeout=30, stream=True)
        dripping = sandbox.core.calls()[-1]
        assert "<ResultCode>OK</ResultCode>" in response.text
        dripped = sandbox.core.calls()[-1]
        assert dripped["ended"] - dripped["started"] > 0.0045 * len(response.content)
        return dripping["ended"] is None

    # the headers come at once, so that no read time-out notices; a busy machine may look only when all has come
    assert any(came_before_its_end() for _ in range(5))


def test_a_cut_drip(sandbox: Sandbox, http: requests.Session) -> None:
    order(http, sandbox, drip=0.001, cut_after=10)
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="10 bytes read"):
        post(http, sandbox, Post())


@pytest.mark.parametrize("how", [{"delay": 30}, {"drip": 0.2}], ids=["delay", "drip"])
def test_a_sender_that_times_out_ends_its_call_R_35(how: dict[str, float]) -> None:
    # Given a sandbox that watches R-35, and an answer that takes too long
    options = Options(limits=Limits(retry_after_fault=300))
    with Sandbox(options) as sandbox, requests.Session() as http:
        order(http, sandbox, **how)
        # When the sender gives up
        with pytest.raises(requests.RequestException):
            http.post(sandbox.update_url, data=call(Post()), headers=HEADERS, timeout=0.1)
        wait_until(lambda: any(call["ended"] is not None for call in sandbox.core.calls()), "the call's end")
        # Then its call has ended, though it was applied; to call again at once is too soon, but not parallel
        assert sandbox.core.calls()[0]["answer"] == "sender left"
        assert held(sandbox.core) == {"b-1": LATE}
        with requests.Session() as again:
            post(again, sandbox, Post("b"))
        assert rules(sandbox.core) == {"R-35"}


def test_a_late_call_is_applied_after_its_sender_left(sandbox: Sandbox) -> None:
    """Why a lane must rest after a time-out: the peer may still be working on the call, and finish last."""
    with requests.Session() as http:
        order(http, sandbox, delay=5, late=True)  # in which the other call surely comes and goes
        with pytest.raises(requests.RequestException):
            http.post(sandbox.update_url, data=call(Post(content=EARLY)), headers=HEADERS, timeout=0.1)
    with requests.Session() as impatient:
        post(impatient, sandbox, gone(Post()))
    assert held(sandbox.core) == {}
    wait_until(lambda: held(sandbox.core) == {"b-1": EARLY}, "the delete overtaken")


def test_parallel_calls_of_one_lane_R_31(sandbox: Sandbox, http: requests.Session) -> None:
    order(http, sandbox, delay=60)

    def call_slowly() -> None:
        with pytest.raises(requests.RequestException):
            post(http, sandbox, Post())

    slow = threading.Thread(target=call_slowly)
    slow.start()
    wait_until(sandbox.core.calls, "a call")
    with requests.Session() as other:
        post(other, sandbox, Post("b"))
        assert rules(sandbox.core) == {"R-31"}
        summary = other.get(f"{sandbox.url}/api/summary", timeout=30).json()
    assert summary["max_parallel"] == {Post().system: 2}
    sandbox.stop()  # which also wakes the call that waits
    slow.join(30)
    assert not slow.is_alive()


def test_control_api(sandbox: Sandbox, http: requests.Session) -> None:
    def get(what: str) -> Any:
        return http.get(f"{sandbox.url}/api/{what}", timeout=30).json()

    order(http, sandbox, answer="fault", text="VP012: full", times=2)
    post(http, sandbox, Post())
    assert get("orders") == [{"answer": "fault", "text": "VP012: full", "times": 2, "left": 1}]
    assert http.delete(f"{sandbox.url}/api/orders", timeout=30).json() == {"done": True}
    post(http, sandbox, Post(), gone(Post("b")))
    assert get("posts") == [
        {
            "registered_resident_identification": "191212121212",
            "service_domain": "riv:crm:scheduling",
            "categorization": "NA",
            "logical_address": "SE2321000016-1HZ5",
            "business_object_instance_identifier": "b-1",
            "clinical_process_interest_id": "NA",
            "source_system": "SE2321000016-84GX",
            "data_controller": "SE232100-0016",
            "most_recent_content": LATE,
            "notifications": 1,
        }
    ]
    first, second = get("calls")
    assert (first["number"], first["answer"], first["outcome"]) == (1, "VP012", "failed")
    assert (second["posts"], second["deletes"], second["answer"]) == (2, 1, "OK")
    assert second["started"] <= second["ended"]
    post(http, sandbox, Post(), Post())
    assert [b["rule"] for b in get("breaches")] == ["R-11"]
    summary = get("summary")
    assert (summary["posts"], summary["calls"], summary["transactions"]) == (1, 3, 5)
    assert summary["breaches_by_rule"] == {"R-11": 1}
    assert http.post(f"{sandbox.url}/api/settle", timeout=30).ok
    assert http.post(f"{sandbox.url}/api/reset", timeout=30).ok
    assert get("posts") == get("calls") == get("breaches") == []


@pytest.mark.parametrize("body", ["", "[]", '{"answer": "x"}', '{"delay": "soon"}'])
def test_a_wrong_order_is_explained(sandbox: Sandbox, http: requests.Session, body: str) -> None:
    response = http.post(f"{sandbox.url}/api/orders", data=body, timeout=30)
    assert response.status_code == 400
    assert response.json()["error"]


def test_the_page_shows_what_is_held_masked_and_escaped(sandbox: Sandbox, http: requests.Session) -> None:
    empty = http.get(sandbox.url, timeout=30).text
    assert "The index is empty." in empty
    assert "No breach seen." in empty
    post(http, sandbox, Post("<script>alert(1)</script>"))
    http.post(sandbox.update_url, data=call(gone(Post(unit="se2321000016-1hz5"))), headers=HEADERS, timeout=30)
    page = http.get(sandbox.url, timeout=30)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<script" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "1912••••••••" in page.text
    assert "191212121212" not in page.text
    assert "2027-01-10 10:15:00" in page.text
    assert "R-08" in page.text
    assert "191212121212" in http.get(f"{sandbox.url}/?full=1", timeout=30).text
    assert "http://" not in page.text  # nothing is fetched from elsewhere
    assert "src=" not in page.text


def test_latency(http: requests.Session) -> None:
    with Sandbox(Options(latency=0.1)) as sandbox:
        assert post(http, sandbox, Post()).elapsed.total_seconds() >= 0.1


def test_stopped_means_gone(http: requests.Session) -> None:
    """A kept connection must not go on being answered by an index that is down."""
    with Sandbox() as sandbox:
        post(http, sandbox, Post())
    with pytest.raises(requests.ConnectionError):
        post(http, sandbox, Post())


def test_the_command_serves_until_stopped(http: requests.Session) -> None:
    served: list[Sandbox] = []
    stop, ready = threading.Event(), threading.Event()

    def tell(sandbox: Sandbox) -> None:
        served.append(sandbox)
        ready.set()

    thread = threading.Thread(
        target=lambda: serve(port=0, owner="region", collect=True, key_spacing=300, ready=tell, stop=stop)
    )
    thread.start()
    assert ready.wait(30)
    assert "EI003" in post(http, served[0], Post()).text
    assert http.get(f"{served[0].url}/api/summary", timeout=30).json()["owner"] == "region"
    stop.set()
    thread.join(30)
    assert not thread.is_alive()


def test_the_page_shows_what_is_behind_the_OK(http: requests.Session) -> None:
    with Sandbox(Options(as_measured=True)) as sandbox:
        core = sandbox.core
        post(http, sandbox, Post("will-be-lost"))
        core.back_end_dies()
        core.window_fails()
        post(http, sandbox, Post("dead-letter"))
        core.settle()
        core.write_lock(True)
        post(http, sandbox, Post("held"), Post("back"))
        post(http, sandbox, Post("gathered"))
        page = http.get(sandbox.url, timeout=30).text
        behind = http.get(f"{sandbox.url}/api/behind", timeout=30).json()
    assert [each["booking"] for each in behind["window"]] == ["gathered"]
    assert [each["booking"] for each in behind["forgotten"]] == ["will-be-lost"]
    assert [each["posts"] for each in behind["queue"]] == [2]
    assert [each["bookings"][0]["booking"] for each in behind["dead_letters"]] == ["dead-letter"]
    for words in ("Gathered in memory", "In the queue", "Dead letters", "the back end died", "Write", "write lock on"):
        assert words.lower() in page.lower()
    assert "will-be-lost" in page
    assert "191212121212" not in page + str(behind)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_can_be_said_over_the_API_and_by_a_button(http: requests.Session, verb: str) -> None:
    with Sandbox() as sandbox:
        done = http.post(f"{sandbox.url}/api/do/{verb}", json={"seconds": 0}, timeout=30)
        assert (done.status_code, done.json()) == (200, {"done": verb, "seconds": 0})
        assert verb in http.get(f"{sandbox.url}/api/do", timeout=30).json()
        pressed = http.post(f"{sandbox.url}/do/{verb}", timeout=30, allow_redirects=False)
        assert (pressed.status_code, pressed.headers["Location"]) == (303, "/")
        assert f'"/do/{verb}"' in http.get(sandbox.url, timeout=30).text
        assert http.post(f"{sandbox.url}/api/do/{verb}", json={"often": 1}, timeout=30).status_code == 400


def test_what_is_on_can_be_ended_by_a_button(http: requests.Session) -> None:
    with Sandbox() as sandbox:
        for verb, shown in (("lock", "write_lock"), ("away", "database_away")):
            http.post(f"{sandbox.url}/do/{verb}", timeout=30)
            assert sandbox.core.behind_the_answers()[shown] is True
            http.post(f"{sandbox.url}/do/{verb}/off", timeout=30)
            assert sandbox.core.behind_the_answers()[shown] is False
        assert http.post(f"{sandbox.url}/api/do/explode", timeout=30).status_code == 404
        assert http.post(f"{sandbox.url}/do/explode", timeout=30).status_code == 404


@pytest.mark.parametrize("body", [b"zz\r\n", b"", b"5\r\nab"])
def test_a_body_in_broken_chunks_is_no_call(sandbox: Sandbox, body: bytes) -> None:
    port = int(sandbox.url.rpartition(":")[2])
    head = b"POST /Update/1/rivtabp21 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(head + body)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400") or answer == b""
    assert sandbox.core.calls() == []


def test_the_command_as_measured_with_another_window_and_pace(http: requests.Session) -> None:
    served: list[Sandbox] = []
    stop, ready = threading.Event(), threading.Event()

    def tell(sandbox: Sandbox) -> None:
        served.append(sandbox)
        ready.set()

    options: dict[str, Any] = {"as_measured": True, "collect_posts": 2, "apply_after": 0.0, "collect_quiet": 600}
    thread = threading.Thread(target=lambda: serve(port=0, ready=tell, stop=stop, **options))
    thread.start()
    try:
        assert ready.wait(30)
        post(http, served[0], Post("a"), Post("b"))  # of two, and gathered
        post(http, served[0], Post("c", resident="ABC"), Post("d"), Post("e"))  # of three; no schema
        wait_until(lambda: set(held(served[0].core)) == {"c", "d", "e"}, "the call of three")
        assert served[0].core.summary()["collecting"] == 1
    finally:
        stop.set()
        thread.join(30)
