"""Makes pages: templates, in which everything is escaped, the reader's language, and how values look."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from relay import __version__
from relay.console.words import language_of, say
from relay.language.said import SWEDISH, Said, quoted
from relay.story.words import coded
from relay.wallclock import SWEDEN

MENU: Final = (
    ("/", "Overview"), ("/bookings", "Booking"), ("/lanes", "Lanes"), ("/calls", "Calls"), ("/posts", "Posts"),
    ("/parked", "Parked"), ("/rejected", "Rejected rows"), ("/changes", "Held changes"), ("/units", "Care units"),
    ("/runs", "Resends"), ("/workers", "Workers"), ("/audit", "Audit log"), ("/onboarding", "Onboarding"),
)  # fmt: skip
NONE: Final = "–"


def page(request: Request, template: str, status: int = 200, **facts: object) -> Response:
    """A page in the reader's language."""
    language = language_of(request.headers.get("accept-language", ""))

    def translate(text: str, **values: object) -> str:
        return say(language, text, **values)

    person = getattr(request.state, "person", None)
    text = _PAGES.get_template(template).render(
        language=language, t=translate, menu=MENU, here=request.url.path, person=person, version=__version__,
        environment=getattr(request.state, "environment", None), **({"q": ""} | facts),
    )  # fmt: skip
    headers = {"Content-Language": language, "Vary": "Accept-Language"}
    return HTMLResponse(text, status, headers)


def problem(request: Request, status: int, why: str, **values: object) -> Response:
    """A page that says why there is no other; `why` is one of the catalogue's sentences."""
    return page(request, "problem.html", status, why=why, values=values)


def cell(value: object) -> str:
    """A value in a table."""
    if value is None or value == "":
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f")
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or NONE
    return "".join(char if char.isprintable() else " " for char in str(value))


def said(value: object, language: str) -> object:
    """What the relay says, in the reader's language; a fraction as it is written there; everything else as it is."""
    if isinstance(value, float) and language == SWEDISH:
        return str(value).replace(".", ",")
    return value.to(language) if isinstance(value, Said) else value


def moment(at: datetime | None) -> str:
    """A time on the clock on the wall in Sweden."""
    return f"{at.astimezone(SWEDEN):%Y-%m-%d %H:%M:%S}" if at is not None else NONE


def lasting(seconds: object) -> str:
    """How long, in figures that stand under each other: 12 s, 5 min, 3 h 20 min, 4 d."""
    if not isinstance(seconds, (int, float)):
        return NONE
    whole = max(int(seconds), 0)
    if whole < 120:
        return f"{whole} s"
    minutes, hours = whole // 60, whole // 3600
    if minutes < 120:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60} min" if hours < 48 else f"{hours // 24} d"


def codes(text: str) -> Markup:
    """A text in which what stands between backticks is to be typed, as HTML."""
    parts = text.split("`")
    typed = (Markup("<code>{}</code>").format(part) if at % 2 and at + 1 < len(parts) else escape(part)
             for at, part in enumerate(parts))  # fmt: skip
    return Markup("").join(typed)


def link(path: str, asked: Mapping[str, object]) -> str:
    """An address with these parameters; those without a value are left out."""
    given = {name: value for name, value in asked.items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path


def _pages() -> Environment:
    made = Environment(loader=PackageLoader("relay.console"), autoescape=True, undefined=StrictUndefined,
                       trim_blocks=True, lstrip_blocks=True)  # fmt: skip
    filters: dict[str, Any] = {"said": said, "cell": cell, "moment": moment, "lasting": lasting, "codes": codes}
    made.filters.update(filters)
    made.globals.update(link=link, quoted=quoted, coded=coded)
    return made


_PAGES: Final = _pages()
