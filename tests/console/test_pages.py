"""The console's pages, asked for as a browser does, of a real relay on SQLite."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from relay.console.actions import ACTIONS
from relay.console.guard import HEADERS
from relay.console.lists import LISTS
from relay.console.show import MENU
from relay.console.words import is_known, language_of
from relay.post import DISCARDED
from relay.sandbox.orders import Order
from relay.store import changes, notes, verification
from relay.store.transaction import Transaction
from tests.console.conftest import BEHIND_PROXY, Browse, token_in
from tests.simulation.world import World
from tests.story.asking import LANE, RESIDENT, ask, book, why

TEMPLATES = Path(__file__).parents[2] / "relay" / "console" / "templates"


def test_the_start_page_says_that_all_is_right(world: World, browse: Browse) -> None:
    # Given a booking that is in the index
    book(world)
    world.settle()
    # When the start page is asked for
    answer = browse().get("/")
    # Then it says that nothing is wrong, and shows the source and its lane
    assert answer.status_code == 200
    assert "Everything is all right" in answer.text
    assert ">tidbok</th>" in re.sub(r"\s+", "", answer.text)
    assert LANE in answer.text


def test_the_start_page_says_first_what_is_wrong_and_what_to_do(world: World, browse: Browse) -> None:
    ask(world, "UPDATE ei_lane SET blocked_code = 'VP007', blocked_text = 'no', blocked_since = '2026-11-23 06:00:00'")
    text = browse().get("/").text
    assert text.index("is blocked VP007") < text.index("<caption>Sources")
    assert "Runbook: EiRelayLaneBlocked" in re.sub(r"\s+", " ", text)
    assert '<span class="state blocked">blocked</span>' in text


def test_the_start_page_has_what_was_found_last(world: World, browse: Browse) -> None:
    # Given what verifying found, what is odd in an outbox, and a full list
    def found(tx: Transaction) -> None:
        verification.note(tx, "national", {"equal": 198, "lost": 2})
        notes.put(tx, notes.ODD, "tidbok", {"texts": ["care_unit has not the form of nearly all others"]})
        at = tx.now.isoformat()
        notes.put(tx, notes.FULL_LIST, "tidbok", {"compared_at": at, "first_at": at, "listed": 4711, "gone": 3})

    world.relay.store.transact(found)
    ask(world, "UPDATE ei_note SET noted_at = '2100-01-01T00:00:00.000000+00:00'")  # pages go by the real clock
    listed = [source.model_copy(update={"full_list_query": "SELECT 1"}) for source in world.relay.settings.source]
    world.relay.settings = world.relay.settings.model_copy(update={"source": tuple(listed)})
    text = re.sub(r"\s+", " ", browse().get("/").text)
    # Then the page has all three, and says of the index that it differs
    assert "index national does not hold what it is known to hold: 2 lost" in text
    assert "<caption>The index, read back</caption>" in text
    assert '<td class="n">198</td><td class="n bad">2</td>' in text
    assert "care_unit has not the form" in text[text.index("Worth a look") :]
    assert '<td class="n">4 711</td>' in text[text.index("<caption>Full lists") :]


def test_a_booking_shows_its_answer_before_its_story(world: World, browse: Browse) -> None:
    book(world)
    world.settle()
    text = browse().get("/bookings", params={"q": "B1"}).text
    assert text.index("It is in the index.") < text.index("row 1 was written: upsert")
    assert all(event.text.replace("'", "&#39;") in text for event in why(world).events)
    assert RESIDENT not in text


def test_a_booking_that_is_not_known_is_not_found(browse: Browse) -> None:
    answer = browse().get("/bookings", params={"q": "nope"})
    assert (answer.status_code, "No booking nope is known" in answer.text) == (404, True)
    assert browse().get("/nothing").status_code == 404
    assert browse().get("/bookings").status_code == 200


@pytest.mark.parametrize("q", ["\0", "x" * 5000, "%", "' OR 1=1 --", "\ud800".encode("utf-8", "surrogatepass")])
def test_what_cannot_be_a_booking_is_not_found(browse: Browse, q: str) -> None:
    assert browse().get("/bookings", params={"q": q}).status_code == 404


def test_an_identity_that_is_searched_for_is_not_repeated(browse: Browse) -> None:
    assert RESIDENT not in browse().get("/bookings", params={"q": RESIDENT}).text


def test_what_a_booking_system_writes_is_shown_as_text(world: World, browse: Browse) -> None:
    # Given a booking whose id is HTML
    nasty = '"><script>alert(1)</script>'
    book(world, nasty)
    book(world, nasty + "2", care_unit="<b>x")
    world.settle()
    # When pages show it, then it is text there
    for path in ("/", "/posts", "/rejected", "/calls"):
        assert "<script" not in browse().get(path).text
    story = browse().get("/bookings", params={"q": nasty}).text
    assert "<script" not in story
    assert "&lt;script&gt;" in story


@pytest.mark.parametrize("path", ["/", "/bookings?q=x", "/nothing", "/style.css", "/calls.csv", "/calls?before=x"])
def test_every_answer_tells_browsers_to_be_careful(browse: Browse, path: str) -> None:
    answer = browse().get(path)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_a_page_that_fails_says_so_and_tells_browsers_to_be_careful(
    world: World, browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("server closed the connection"))

    browser = browse()
    monkeypatch.setattr(world.relay.store, "transact", away)
    answer = browser.get("/audit")
    assert (answer.status_code, "database does not answer" in answer.text) == (503, True)
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_shown_and_can_be_had_as_csv(world: World, browse: Browse, name: str) -> None:
    # Given some of everything
    book(world, "B1")
    book(world, "B2", care_unit="a b")
    world.settle()
    # When a list is asked for, with and without a filter, then it is there, and with the same columns as CSV
    for query in ("", "?source=tidbok", "?source=nope"):
        answer = browse().get(f"/{name}{query}")
        assert answer.status_code == 200, answer.text
        assert RESIDENT not in answer.text
    first = browse().get(f"/{name}.csv").text.splitlines()[0]
    assert first.replace('"', "") == ",".join(key for key, _ in LISTS[name].columns)


def test_lists_go_on_where_the_page_before_ended(world: World, browse: Browse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.console.app.ROWS", 2)
    for number in range(5):
        book(world, f"B{number}")
        book(world, f"R{number}", care_unit="a b")
    world.settle()
    for name, pattern in (("posts", r">B\d</a>"), ("rejected", r">R\d</a>")):
        seen, path, pages = [], f"/{name}?source=tidbok", 0
        while path:
            text = browse().get(path).text
            seen += re.findall(pattern, text)
            found = re.search(r'rel="next" href="([^"]+)"', text)
            path, pages = found.group(1).replace("&amp;", "&") if found else "", pages + 1
        assert (len(seen), len(set(seen)), pages) == (5, 5, 3)


@pytest.mark.parametrize("path", ["/calls?before=x", "/posts?state=odd", "/posts?unit=a+b", "/rejected?since=soon"])
def test_a_filter_that_cannot_be_read_is_told_of(browse: Browse, path: str) -> None:
    answer = browse().get(path)
    assert (answer.status_code, 'role="alert"' in answer.text) == (400, True)
    assert browse().get(path.replace("?", ".csv?")).status_code in (200, 400)


def test_a_swedish_browser_gets_swedish(browse: Browse) -> None:
    text = browse(**{"Accept-Language": "sv-SE,sv;q=0.9,en;q=0.8"}).get("/").text
    assert '<html lang="sv">' in text
    assert "Allt står rätt till" in text
    assert '<html lang="en">' in browse(**{"Accept-Language": "en-GB,sv;q=0.5"}).get("/").text
    assert [language_of(each) for each in ("", "de", "sv;q=x", "SV", "en;q=0.1,sv")] == ["en", "en", "en", "sv", "sv"]


def test_a_swedish_browser_gets_the_story_and_what_is_wrong_in_swedish(world: World, browse: Browse) -> None:
    # Given a booking that waits in a lane that is blocked
    world.core.order(Order(answer="fault", text="VP007: no", times=9))
    book(world)
    world.work()
    browser = browse(**{"Accept-Language": "sv"})
    # When its story is asked for, and the start page, then every sentence of both is Swedish
    story = browser.get("/bookings?q=B1").text
    assert f"Den finns inte i indexet, eftersom sändkön {LANE} är spärrad sedan kl. 08:00 av VP007: no;" in story
    assert "rad 1 skrevs: upsert" in story
    assert '<span class="kind">regel</span>' in story
    start = browser.get("/").text
    assert f"sändkö {LANE} är spärrad av VP007 sedan 2026-11-23 08:00" in start
    assert "Koden säger vad: certifikat, behörighet eller adress." in start


def test_every_text_of_the_pages_is_in_swedish_too() -> None:
    texts = {found for path in TEMPLATES.glob("*.html") for found in re.findall(r'\bt\("([^"]+)"', path.read_text())}
    texts |= {name for _, name in MENU} | {each.title for each in LISTS.values()}
    texts |= {text for do, deed in ACTIONS.items() for text in (do, deed.title, deed.effect)}
    texts |= {label for each in LISTS.values() for _, label in each.columns}
    texts |= {said for each in LISTS.values() for one in each.filters for said in (one.label, *one.choices)}
    code = "".join(path.read_text() for path in TEMPLATES.parent.glob("*.py"))
    texts |= set(re.findall(r'problem\(\s*request, [\w.]+, "([^"]+)"', code))
    texts |= set(re.findall(r'Refused\(\s*\d+, "([^"]+)"', code))
    assert len(texts) > 100
    assert [text for text in sorted(texts) if not is_known(text)] == []


def test_pages_need_nothing_from_elsewhere_and_no_scripts(world: World, browse: Browse) -> None:
    book(world)
    world.settle()
    pages = [browse().get(path).text for path in ("/", "/bookings?q=B1", "/style.css", *(path for path, _ in MENU))]
    assert not [page for page in pages if re.search(r"<script|https?://|\bon\w+=|style=\"|@import|url\(", page)]


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
    from relay.console.guard import token

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
    from relay.console.guard import token

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
    from relay.console.guard import token

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


def test_a_swedish_browser_gets_lists_in_swedish(world: World, browse: Browse) -> None:
    book(world, "B1")
    book(world, "B2", care_unit="a b")
    world.settle()
    browser = browse(**{"Accept-Language": "sv"})
    rejected = browser.get("/rejected").text
    assert "väntade 1 till 64 synliga ASCII-tecken utan blanktecken" in rejected
    assert "vårdenhetens HSA-id" in rejected
    steps = browser.get("/onboarding").text
    assert "Vårdenheterna är aktiverade i 1177 QA" in steps
    assert "writes the mail" not in steps
    assert "frånvarande" in browser.get("/posts").text or "2026-12-23 07:00" in browser.get("/posts").text


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
