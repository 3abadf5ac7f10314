"""The console's pages, asked for as a browser does, of a real relay on SQLite."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from relay.console.actions import ACTIONS
from relay.console.guard import HEADERS
from relay.console.lists import LISTS
from relay.console.show import MENU
from relay.console.words import is_known, language_of
from relay.sandbox.orders import Order
from relay.store import notes, verification
from relay.store.transaction import Transaction
from tests.console.conftest import Browse
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


def test_a_booking_that_is_in_the_index_as_it_was_is_not_told_to_be_all_right(world: World, browse: Browse) -> None:
    # Given a booking that was moved, or cancelled, while its lane was blocked
    book(world, "B1")
    book(world, "B2")
    world.settle()
    world.core.order(Order(answer="fault", text="VP007: no", times=9))
    book(world, "B1", days=40)
    world.write(operation="remove", booking_id="B2")
    world.work()
    for booking in ("B1", "B2"):
        text = browse().get("/bookings", params={"q": booking}).text
        assert why(world, booking).answer.in_index
        assert '<div class="verdict unknown">' in text
        assert '<p class="big">It is in the index, but not as it should be</p>' in text


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


def test_a_swedish_browser_gets_lists_in_swedish(world: World, browse: Browse) -> None:
    book(world, "B1")
    book(world, "B2", care_unit="a b")
    world.settle()
    browser = browse(**{"Accept-Language": "sv"})
    rejected = browser.get("/rejected").text
    assert "ska vara 1 till 64 synliga ASCII-tecken utan blanktecken" in rejected
    assert "vårdenhetens HSA-id" in rejected
    steps = browser.get("/onboarding").text
    assert "Vårdenheterna är aktiverade i 1177 QA" in steps
    assert "writes the mail" not in steps
    assert "frånvarande" in browser.get("/posts").text or "2026-12-23 07:00" in browser.get("/posts").text
