"""The console in a real browser, as people use it: by keyboard, with a role or without one, and on paper."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.console.browsing import chromium, missing, page_of, served
from tests.simulation.world import World
from tests.story.asking import LANE, ask, book, held_removals, why

PAPER: Final = {"width": 688, "height": 1000}  # A4 within its margins, in CSS pixels
_FOCUSED: Final = """() => {
    const it = document.activeElement;
    const label = it.labels && it.labels.length ? it.labels[0].textContent : "";
    return (label || it.getAttribute("aria-label") || it.textContent).trim();
}"""
_WIDER: Final = "() => document.documentElement.scrollWidth - innerWidth"
_INK: Final = """() => [document.body, document.querySelector(".verdict"), document.querySelector(".verdict p")]
    .map(each => getComputedStyle(each).color + " on " + getComputedStyle(each).backgroundColor)"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if (why_not := missing()) is not None:
        pytest.skip(f"{why_not}: the console is NOT tested in a browser")
    with chromium() as opened:
        yield opened


@pytest.fixture
def console(world: World) -> Iterator[str]:
    with served(world.relay) as address:
        yield address


def press_tab_to(page: Any, name: str) -> None:
    """Go on with the tab key until what has this name has the focus."""
    seen = []
    for _ in range(120):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(_FOCUSED))
        if seen[-1] == name:
            return
    raise AssertionError(f"the tab key does not lead to {name!r}, only to {seen}")


def text_of(page: Any) -> str:
    """The text of the page's main part, as it is seen."""
    return str(page.inner_text("main"))


def test_with_a_keyboard_alone_a_booking_is_found_and_its_lane_paused_and_resumed(
    world: World, browser: Any, console: str
) -> None:
    # Given a booking in the index, and an operator without a mouse
    book(world)
    world.settle()
    page = page_of(browser, console, "steer")
    page.goto("/")
    assert page.inner_text("h1") == "Everything is all right"
    # when they search for it, then its story is there
    press_tab_to(page, "Booking id")
    page.keyboard.type("B1")
    page.keyboard.press("Enter")
    page.wait_for_url("**/bookings?q=B1")
    assert "It is in the index" in text_of(page)
    assert [event.text for event in why(world).events if event.text not in text_of(page)] == []
    # when they pause the lane, then they are asked why first, and the browser sends no form without a reason
    press_tab_to(page, "Lanes")
    page.keyboard.press("Enter")
    page.wait_for_url("**/lanes")
    press_tab_to(page, "pause")
    page.keyboard.press("Enter")
    page.wait_for_url("**/act?*")
    assert page.inner_text("h1") == "Pause the lane"
    assert LANE in text_of(page)
    assert "No call is made in this lane until it is resumed." in text_of(page)
    press_tab_to(page, "Reason")
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.matches(':invalid')")
    assert ask(world, "SELECT count(*) FROM ei_lane WHERE paused = 1")[0][0] == 0
    page.keyboard.type("the index asked us to")
    press_tab_to(page, "Pause the lane")
    page.keyboard.press("Enter")
    page.wait_for_url("**/lanes")
    assert page.inner_text(".state") == "paused"
    # then a new booking waits, and its story says for what, and leads to the way out
    book(world, "B2")
    world.work()
    page.goto("/bookings?q=B2")
    assert page.inner_text(".big") == "It is not in the index"
    assert f"the lane {LANE} is paused" in text_of(page)
    press_tab_to(page, "Resume the lane")
    page.keyboard.press("Enter")
    page.wait_for_url("**/act?*")
    press_tab_to(page, "Reason")
    page.keyboard.type("they are done")
    page.keyboard.press("Enter")
    page.wait_for_url("**/lanes")
    world.settle()
    page.goto("/bookings?q=B2")
    assert page.inner_text(".big") == "It is in the index"
    # and who did it and why is kept
    page.goto("/audit")
    assert all(said in text_of(page) for said in ("anna", "the index asked us to", "they are done"))


def test_a_held_change_is_looked_at_and_approved(world: World, browser: Any, console: str) -> None:
    # Given a mass cancellation that the surge guard holds
    held_removals(world)
    page = page_of(browser, console, "steer")
    page.goto("/bookings?q=B1")
    assert "it is held by the surge guard, change 1" in text_of(page)
    # when an operator follows the story to it and approves
    page.click("main a:text-is('Held changes')")
    page.click("a:text-is('approve')")
    assert "60" in text_of(page)
    page.fill("#reason", "the clinic has closed")
    page.click("button:text('Approve the change')")
    page.wait_for_url("**/changes")
    # then the list says who decided, and the bookings are taken away
    assert all(said in text_of(page) for said in ("approved", "anna", "the clinic has closed"))
    world.settle()
    page.goto("/bookings?q=B1")
    assert "It is not in the index, because it was cancelled" in text_of(page)


def test_a_viewer_is_told_which_role_an_action_needs(world: World, browser: Any, console: str) -> None:
    page = page_of(browser, console, "look")
    page.goto("/lanes")
    assert LANE in text_of(page)
    assert page.query_selector("a:text-is('pause')") is None
    answer = page.goto(f"/act?do=pause&on={LANE}")
    assert (answer.status, page.inner_text("h1")) == (403, "This needs the role operator.")
    assert "Signed in as anna (viewer)" in page.inner_text("footer")
    page.click("text=To the overview")
    page.wait_for_url(f"{console}/")


@pytest.mark.parametrize(
    ("groups", "status", "said"),
    [
        (None, 401, "Nobody is signed in."),
        ("others", 403, "You are signed in, but in no group that may use the console."),
    ],
)
def test_whom_the_proxy_did_not_sign_in_sees_nothing(
    world: World, browser: Any, console: str, groups: str | None, status: int, said: str
) -> None:
    book(world)
    world.settle()
    page = page_of(browser, console, groups)
    for path in ("/", "/bookings?q=B1"):
        answer = page.goto(path)
        assert (answer.status, page.inner_text("main").strip()) == (status, said)
        assert page.query_selector("nav, form, table") is None
    assert page_of(browser, console, groups, locale="sv-SE").goto("/").status == status


def test_a_story_is_printed_whole_and_without_what_a_screen_needs(world: World, browser: Any, console: str) -> None:
    # Given a story with a long text, and somebody who may do everything about it, with a dark screen
    book(world, care_unit="a b")
    book(world, version=2)
    world.settle()
    held_back = "x" * 120
    ask(world, "UPDATE ei_post SET parked_code = 'EI004', parked_text = ?, parked_at = wanted_since", held_back)
    page = page_of(browser, console, "steer,help", color_scheme="dark", viewport=PAPER)
    page.goto("/bookings?q=B1")
    on_screen = page.evaluate(_INK)
    # when it is printed
    page.emulate_media(media="print")
    # then all of it is there, dark on white, and within the paper
    events = [str(event.text) for event in why(world).events]
    seen = text_of(page)
    assert [text for text in events if text not in seen] == []
    assert held_back in seen
    assert page.evaluate(_WIDER) <= 0
    for line in page.query_selector_all(".timeline li, .verdict p, .facts dd"):
        assert line.is_visible()
    printed = page.evaluate(_INK)
    assert all(printed[place] != on_screen[place] for place in (0, 1, 2)), (printed, on_screen)
    page.emulate_media(media="print", color_scheme="light")
    assert page.evaluate(_INK) == printed
    # without what is there to be pressed; and who printed it stands below
    hidden = ("header", "nav", "form", "button", ".act")
    assert [each for each in hidden for found in page.query_selector_all(each) if found.is_visible()] == []
    assert "Signed in as anna" in page.inner_text("footer")
    assert page.pdf(format="A4", print_background=True).startswith(b"%PDF")


@pytest.mark.parametrize("path", ["/", "/posts", "/calls", "/rejected"])
def test_a_list_on_paper_is_not_cut_off(world: World, browser: Any, console: str, path: str) -> None:
    book(world, "B1")
    book(world, "B2", care_unit="a b")
    world.settle()
    page = page_of(browser, console, "steer", viewport=PAPER)
    page.emulate_media(media="print")
    page.goto(path)
    assert page.evaluate(_WIDER) <= 0
    assert page.is_visible("table")
