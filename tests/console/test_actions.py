"""Who may see and do what on the console's pages, and what stands in the audit log afterwards."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from relay.console.guard import token
from relay.post import DISCARDED
from relay.sandbox.orders import Order
from relay.store import changes
from tests.console.conftest import BEHIND_PROXY, Browse, token_in
from tests.simulation.world import World
from tests.story.asking import LANE, RESIDENT, ask, book


def test_the_role_support_sees_an_identity_once_its_reason_is_written_down(world: World, browse: Browse) -> None:
    # Given somebody of the support, and a booking
    book(world)
    world.settle()
    browser = browse("help")
    page = browser.get("/bookings?q=B1").text
    assert RESIDENT not in page
    assert "show=identity" in page
    # When they ask whose it is, then they are asked why first
    asking = browser.get("/bookings?q=B1&source=tidbok&show=identity").text
    assert RESIDENT not in asking
    form = {"token": token_in(asking), "q": "B1", "source": "tidbok", "show": "identity", "reason": ""}
    refused = browser.post("/bookings", data=form)
    assert (refused.status_code, RESIDENT in refused.text) == (400, False)
    assert ask(world, "SELECT * FROM ei_audit WHERE command = 'console identity'") == []
    # and with a reason it is shown, and written down
    shown = browser.post("/bookings", data=form | {"reason": "she rang"})
    assert (shown.status_code, RESIDENT in shown.text) == (200, True)
    (entry,) = ask(world, "SELECT who, subject, reason FROM ei_audit WHERE command = 'console identity'")
    assert tuple(entry) == ("anna", "tidbok B1", "she rang")
    assert "console identity" in browser.get("/audit").text


@pytest.mark.parametrize("groups", [None, "look", "steer"])
def test_nobody_else_sees_an_identity(world: World, browse: Browse, groups: str | None) -> None:
    book(world)
    world.settle()
    browser = browse(groups)
    asking = browser.get("/bookings?q=B1&source=tidbok&show=identity")
    assert RESIDENT not in asking.text
    assert "Only the role support" in asking.text
    form = {"token": token("anna" if groups else "local"), "q": "B1", "source": "tidbok", "reason": "to know"}
    answer = browser.post("/bookings", data=form)
    assert (answer.status_code, RESIDENT in answer.text) == (403, False)
    assert ask(world, "SELECT * FROM ei_audit WHERE command = 'console identity'") == []


def test_an_operator_pauses_and_resumes_a_lane(world: World, browse: Browse) -> None:
    browser = browse("steer")
    assert "do=pause" in browser.get("/lanes").text
    asking = browser.get(f"/act?on={LANE}&do=pause").text
    form = {"token": token_in(asking), "on": LANE, "do": "pause", "reason": "the index asked us to"}
    # without a reason, or with another's token, nothing is done
    assert browser.post("/act", data=form | {"reason": " "}).status_code == 400
    assert browser.post("/act", data=form | {"token": "0" * 64}).status_code == 403
    assert browser.post("/act", data={}).status_code == 403
    assert ask(world, "SELECT count(*) FROM ei_lane WHERE paused = 1")[0][0] == 0
    # with both it is paused, and resumed likewise
    assert browser.post("/act", data=form).status_code == 303
    assert "paused" in browser.get("/lanes?state=paused").text
    assert ask(world, "SELECT count(*) FROM ei_lane WHERE paused = 1")[0][0] == 1
    assert browser.post("/act", data=form | {"do": "resume"}).status_code == 303
    entries = ask(world, "SELECT who, command, reason FROM ei_audit WHERE command LIKE 'console lanes%' ORDER BY id")
    assert [tuple(each)[:2] for each in entries] == [("anna", "console lanes pause"), ("anna", "console lanes resume")]


def do(browser: TestClient, deed: str, about: object) -> int:
    """Do something as a browser does: open the page, give the reason, send the form."""
    asking = browser.get("/act", params={"do": deed, "on": str(about)})
    form = {"token": token_in(asking.text), "do": deed, "on": str(about), "reason": "because"}
    return browser.post("/act", data=form).status_code if asking.status_code == 200 else asking.status_code


def test_an_operator_retries_and_discards_a_parked_post(world: World, browse: Browse) -> None:
    book(world, "B1")
    book(world, "B2")
    world.settle()
    ask(world, "UPDATE ei_post SET parked_code = 'EI004', parked_text = 'no', parked_at = wanted_since, known = 'x'")
    browser = browse("steer")
    keys = [row[0] for row in ask(world, "SELECT id FROM ei_post ORDER BY id")]
    assert "do=retry" in browser.get("/parked").text
    assert do(browser, "retry", keys[0]) == 303
    assert do(browser, "discard", keys[1]) == 303
    codes = [row[0] for row in ask(world, "SELECT parked_code FROM ei_post ORDER BY id")]
    assert codes == [None, DISCARDED]
    assert do(browser, "retry", 999) == 404
    assert do(browser, "retry", "x") == 404
    assert "console parked retry" in browser.get("/audit").text


@pytest.mark.parametrize("deed", ["approve", "reject"])
def test_an_operator_decides_on_a_held_change(world: World, browse: Browse, deed: str) -> None:
    # Given a change of bookings that is held
    book(world, "B1")
    world.settle()
    number = world.relay.store.transact(
        lambda tx: changes.hold_bookings(tx, "tidbok", changes.REMOVALS, ["B1"], 1, "many", {"removed": 1})
    )
    # When an operator decides, then that stands, with who it was, and cannot be decided again
    browser = browse("steer")
    assert f"do={deed}" in browser.get("/changes").text
    assert do(browser, deed, number) == 303
    (row,) = ask(world, "SELECT status, decided_by FROM ei_held_change")
    assert tuple(row) == ("approved" if deed == "approve" else "rejected", "anna")
    assert do(browser, deed, number) == 404


@pytest.mark.parametrize("groups", [None, "look", "help"])
def test_nobody_else_pauses_a_lane(world: World, browse: Browse, groups: str | None) -> None:
    browser = browse(groups)
    assert "do=pause" not in browser.get("/lanes").text
    assert browser.get(f"/act?on={LANE}&do=pause").status_code == 403
    form = {"token": token("anna" if groups else "local"), "on": LANE, "do": "pause", "reason": "x"}
    assert browser.post("/act", data=form).status_code == 403
    assert ask(world, "SELECT count(*) FROM ei_lane WHERE paused = 1")[0][0] == 0


def test_a_form_that_is_too_long_is_not_read(browse: Browse) -> None:
    assert browse("steer").post("/act", data={"reason": "x" * 100_000}).status_code == 413
    assert browse("steer").post("/act", data={f"a{n}": "x" for n in range(50)}).status_code == 400


def test_behind_a_proxy_only_whom_it_signed_in_is_let_in(browse: Browse) -> None:
    assert BEHIND_PROXY.signs_in
    assert browse("look").get("/").status_code == 200
    assert browse("look", user=None).get("/").status_code == 401
    assert browse("others").get("/").status_code == 403
    assert browse("").get("/").status_code == 403
    assert browse("look", peer="10.9.9.9").get("/").status_code == 403
    assert browse("look", peer="127.0.0.1").get("/style.css").status_code == 403


def test_on_this_machine_another_name_is_refused(browse: Browse) -> None:
    assert browse().get("/", headers={"Host": "evil.example:9466"}).status_code == 421


def test_an_operator_sends_posts_again_and_cancels_that(world: World, browse: Browse) -> None:
    # Given a post in the index
    book(world)
    world.settle()
    browser = browse("steer")
    assert "/reprocess" in browser.get("/runs").text
    # When it is asked what sending again would mean, then it is said, and nothing is done
    asking = browser.get("/reprocess?source=tidbok").text
    assert "1 calls, " in asking
    assert "messages to residents: none" in asking
    assert ask(world, "SELECT count(*) FROM ei_run")[0][0] == 0
    # and without a reason nothing is either, nor without a choice
    form = {"token": token_in(asking), "source": "tidbok"}
    assert browser.post("/reprocess", data=form).status_code == 400
    assert browser.post("/reprocess", data={"token": form["token"], "reason": "x"}).status_code in (200, 400)
    assert browser.post("/reprocess", data=form | {"token": "0" * 64, "reason": "x"}).status_code == 403
    assert ask(world, "SELECT count(*) FROM ei_run")[0][0] == 0
    # with one it begins, and can be cancelled
    assert browser.post("/reprocess", data=form | {"reason": "the index was restored"}).status_code == 303
    assert "do=cancel" in browser.get("/runs").text
    assert do(browser, "cancel", 1) == 303
    assert do(browser, "cancel", 1) == 404
    assert do(browser, "cancel", 99) == 404
    entries = [
        tuple(each) for each in ask(world, "SELECT who, command FROM ei_audit WHERE command LIKE 'console rep%'")
    ]
    assert ("anna", "console reprocess") in entries
    assert ("anna", "console reprocess cancel") in entries


@pytest.mark.parametrize("query", ["?unit=a+b", "?since=soon", "?state=odd", "?source=tidbok&booking=nope"])
def test_a_choice_of_posts_that_means_none_is_told_of(browse: Browse, query: str) -> None:
    text = browse("steer").get(f"/reprocess{query}").text
    assert "No post matches." in text or 'role="alert"' in text
    assert 'method="post"' not in text


@pytest.mark.parametrize("groups", [None, "look", "help"])
def test_nobody_else_sends_posts_again(browse: Browse, world: World, groups: str | None) -> None:
    browser = browse(groups)
    assert browser.get("/reprocess").status_code == 403
    assert "/reprocess" not in browser.get("/runs").text
    form = {"token": token("anna" if groups else "local"), "source": "tidbok", "reason": "x"}
    assert browser.post("/reprocess", data=form).status_code == 403
    assert ask(world, "SELECT count(*) FROM ei_run")[0][0] == 0


def test_a_page_that_does_something_says_to_what(world: World, browse: Browse) -> None:
    book(world, "B1")
    world.settle()
    ask(world, "UPDATE ei_post SET parked_code = 'EI004', parked_text = 'no', parked_at = wanted_since, known = 'x'")
    text = browse("steer").get("/act?do=retry&on=1").text
    assert all(said in text for said in ("B1", "tidbok", "EI004: no"))
    assert RESIDENT not in text


def test_an_operator_finds_what_to_do_beside_the_answer(world: World, browse: Browse) -> None:
    # Given a booking whose post is parked, and one whose lane is blocked
    world.core.order(Order(answer="fault", text="EI004: not so", times=1))
    book(world, "B1")
    world.work()
    assert "do=retry&amp;on=1" in browse("steer").get("/bookings?q=B1").text
    assert "do=retry" not in browse("help").get("/bookings?q=B1").text
    world.core.order(Order(answer="fault", text="VP007: no", times=9))
    book(world, "B2")
    world.work()
    text = browse("steer").get("/bookings?q=B2").text
    assert "do=resume&amp;on=national" in text
    assert "Resume the lane" in text
