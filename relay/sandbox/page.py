"""The sandbox's web page: what the index holds and what it has before it, calls and breaches, without scripts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from importlib.resources import files
from string import Template
from typing import Any, Final

from relay.sandbox.core import Core
from relay.sandbox.model import mask
from relay.sandbox.verbs import VERBS

_TEMPLATE: Final = Template(files("relay.sandbox").joinpath("page.html").read_text(encoding="utf-8"))
_ROWS: Final = 200


def render(core: Core, *, full: bool) -> bytes:
    """The page as it is now; `full` shows whole resident identities."""
    summary = core.summary()
    of = f", {_ROWS} of {summary['posts']}" if summary["posts"] > _ROWS else ""
    show = str if full else mask
    held = (
        (
            show(post["registered_resident_identification"]),
            _time(post["most_recent_content"]),
            post["logical_address"],
            post["business_object_instance_identifier"],
            post["source_system"],
            post["data_controller"],
        )
        for post in reversed(core.posts(_ROWS))
    )
    calls = (
        (
            c["number"],
            _clock(c["started"]),
            f"{c['ended'] - c['started']:.3f} s" if c["ended"] is not None else "under way",
            c["source_system"],
            f"{c['posts']} ({c['deletes']})",
            c["answer"] or "",
            "yes" if c["applied"] else "no",
        )
        for c in reversed(core.calls(_ROWS))
    )
    behind = core.behind_the_answers()
    observed = ((o["kind"], _clock(o["at"]), o["source_system"], o["text"]) for o in reversed(core.observed(_ROWS)))
    noted = (
        (b["rule"], _clock(b["at"]), b["call"], b["source_system"], b["text"]) for b in reversed(core.breaches(_ROWS))
    )
    return _TEMPLATE.substitute(
        owner=escape(summary["owner"]),
        counts="".join(
            f"<div><dt>{label}</dt><dd>{summary[name]}</dd></div>"
            for label, name in (
                ("Posts", "posts"),
                ("Calls", "calls"),
                ("Transactions", "transactions"),
                ("Notifications", "notifications"),
                ("In the collect queue", "collecting"),
                ("In the queue", "queued"),
                ("Dead letters", "dead_letters"),
                ("Forgotten", "forgotten"),
                ("Orders in force", "orders"),
                ("Breaches", "breaches"),
            )
        ),
        other="<a href='/'>Mask identities</a>" if full else "<a href='/?full=1'>Show whole identities</a>",
        state=escape(_state(behind)),
        buttons=_buttons(),
        **_behind(behind),
        observed=_table(
            "Observed, no breach, latest first",
            ("What", "At", "Source system", "Where"),
            observed,
            "Nothing observed.",
        ),
        breaches=_table(
            "Breaches of the sender's rules, latest first",
            ("Rule", "At", "Call", "Source system", "What"),
            noted,
            "No breach seen.",
        ),
        calls=_table(
            "Calls, latest first",
            ("Call", "Began", "Took", "Source system", "Posts (deletes)", "Answer", "Applied"),
            calls,
            "No calls yet.",
        ),
        posts=_table(
            f"Posts, latest created first{of}",
            ("Resident", "Most recent content", "Care unit", "Booking", "Source system", "Data controller"),
            held,
            "The index is empty.",
        ),
    ).encode()


def _state(behind: dict[str, Any]) -> str:
    """What holds the back end and the platform up, in a sentence."""
    found = [f"the platform is {behind['platform']}"]
    found += [
        name for on, name in ((behind["write_lock"], "write lock on"), (behind["database_away"], "database away")) if on
    ]
    if behind["back_ends"] > 1:
        found.append("two back ends")
    if behind["stands_still"] is not None:
        found.append(f"the consumer stands still, {max(behind['stands_still'], 0):.0f} s until it tries again")
    sentence = ", ".join(found)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _buttons() -> str:
    """A form for all that can be made to happen: a button each, and what it does."""
    rows = [
        f'<button formaction="/do/{name}">{name}</button>'
        + (f' <button formaction="/do/{name}/off">{name} off</button>' if verb.ends else "")
        for name, verb in VERBS.items()
    ]
    said = [escape(verb.what) for verb in VERBS.values()]
    pairs = "".join(f"<span>{row}</span><span>{what}</span>" for row, what in zip(rows, said, strict=True))
    return f'<form method="post">{pairs}</form>'


def _behind(behind: dict[str, Any]) -> dict[str, str]:
    """The tables of what is behind the OK. No resident stands in them."""
    posts = ("Booking", "Care unit", "Source system", "Delete", "Most recent content")

    def post(each: dict[str, Any]) -> tuple[object, ...]:
        names = ("booking", "logical_address", "source_system", "delete")
        return (*(each[name] for name in names), _time(each["most_recent_content"]))

    def message(each: dict[str, Any]) -> tuple[object, ...]:
        gathered = "a window" if each["gathered"] else "a call"
        return (each["message"], gathered, each["posts"], ", ".join(each["source_systems"]), each["attempts"])

    messages = ("Message", "From", "Posts", "Source systems", "Attempts")
    forgotten = ((_clock(each["at"]), each["why"], *post(each)) for each in reversed(behind["forgotten"][-_ROWS:]))
    return {
        "window": _table("Gathered in memory", posts, map(post, behind["window"][:_ROWS]), "The window is empty."),
        "queue": _table("In the queue", messages, map(message, behind["queue"][:_ROWS]), "The queue is empty."),
        "dead": _table(
            "Dead letters, latest first", messages, map(message, behind["dead_letters"][: -_ROWS - 1 : -1]), "None."
        ),
        "forgotten": _table(
            "Forgotten after an OK, latest first", ("At", "Why", *posts), forgotten, "Nothing forgotten."
        ),
    }


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> str:
    """A captioned table, every cell escaped; a sentence instead when there is nothing in it."""
    body = "".join(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    if not body:
        return f"<h2>{escape(caption.partition(',')[0])}</h2><p>{escape(empty)}</p>"
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    # A table wider than the window scrolls by itself, and by keyboard too.
    return (
        f'<div class="scroll" role="region" aria-label="{escape(caption)}" tabindex="0"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at).strftime("%H:%M:%S")


def _time(content: str | None) -> str:
    """Fourteen digits as a date and time for people."""
    if content is None:
        return ""
    return f"{content[:4]}-{content[4:6]}-{content[6:8]} {content[8:10]}:{content[10:12]}:{content[12:]}"
