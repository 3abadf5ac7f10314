"""The page docs/messages.md, written from the code: what operators are told, what it means and what to do about it.

    python -m relay.cli.messages

A sentence stands where it is said, so the tables are read from the program text: whoever adds one adds it here too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import relay
from relay.broker.trial import ADVICE as OF_BROKERS
from relay.console.advice import ADVICE
from relay.language.of_status import STATUS
from relay.language.of_stored import STORED
from relay.language.of_story import STORY
from relay.outbox.refusals import Kind, codes_of
from relay.story.words import HOW_TO_WRITE

PAGE: Final = Path("docs", "messages.md")
_CODE: Final = Path(relay.__file__).parent
_SECTION: Final = re.compile(r"^    # ── (.+?)(?: \(.+\))? ──$", re.MULTILINE)
_INTRODUCTION: Final = """\
# Messages

What `ei-relay status`, `ei-relay why`, outboxes (`outcome_reason`) and the web page tell, and what to do about it. A
word in braces stands for a value. The web page and `why --language sv` say the same in Swedish, as the last tables
have it.

This page is written by `python -m relay.cli.messages`.
"""
_DATABASES: Final = """\
`ei-relay status`, `ei-relay outbox check` and the log say what is wrong with an outbox in the words of the first
column, then the database's own code, then what to do. The server's own text is not repeated: it may quote a value.
`ei-relay config check --connect` says the same, and in brackets the first line of the server's own text, passwords
masked: it has no values yet.
"""
_OTHER_ERRORS: Final = """
What is none of these is told by its class and code. Where it may be the making of a single row, smaller groups of
rows are tried down to the row; anything else costs the source a rest of seconds, at most a minute, and nobody else
anything.
"""
_RELAY_DATABASE: Final = """\
## What the relay's own database refuses

The same, with `database_url` in the place of `outbox_url`, in the check, in `status` and in the log.
"""
_BROKER: Final = """\
## What the broker refuses

Redis and Valkey begin a refusal with a word. The check and the log repeat it, and say what to do; workers and beat
connect anew until it is over ([sites](sites.md#redis-valkey)). The platform's and the index's answers stand in
[answers](answers.md).
"""


def page() -> str:
    """The whole page, in Markdown."""
    return "\n".join([_INTRODUCTION, *_parts()])


def _parts() -> Iterator[str]:
    yield "## What `status` calls wrong\n"
    yield from _table(("what is said", "what to do", "in the runbook"), _troubles())
    yield "\n## Why a booking is not in the index\n"
    yield "What `ei-relay why` says of each cause; what the causes mean is in [why](why.md).\n"
    yield from _table(("reason", "what is said", "what to do"), _causes())
    yield "\n## Why a row was rejected\n"
    yield 'A rejection reads `FIELD: was "VALUE", expected …`, for each field that is wrong; this is right:\n'
    yield from _table(("field", "how it is written"), ((f"`{name}`", text) for name, text in HOW_TO_WRITE.items()))
    yield "\n## What databases refuse\n"
    yield _DATABASES
    yield from _table(
        ("what is said", "what to do", "of these codes"),
        ((kind.what.format(table="ei_outbox", columns="the column …"), kind.advice, codes_of(kind)) for kind in Kind),
    )
    yield _OTHER_ERRORS
    yield _RELAY_DATABASE
    yield _BROKER
    yield from _table(
        ("the refusal begins with", "what is said of it"),
        [*OF_BROKERS.items(), ("NOPERM", "the account may not give …: ACL SETUSER … +…")],
    )
    yield ""
    for title, table in _sections():
        yield f"## In both languages: {title}\n"
        yield from _table(("English", "Swedish"), table.items())
        yield ""


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{' --- |' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(_cell(text) for text in row)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _troubles() -> Iterator[tuple[str, ...]]:
    for function in _functions(_CODE / "report" / "health.py"):
        for call in _calls(function, "Trouble"):
            kind, text = call.args
            advice = ADVICE[ast.literal_eval(kind)]
            yield _said(text, function), str(advice.text), f"[{advice.section}](runbook.md#{advice.section.lower()})"


def _causes() -> Iterator[tuple[str, ...]]:
    for path in sorted((_CODE / "story").glob("*.py")):
        for function in _functions(path):
            for call in _calls(function, "Cause"):
                parts = dict(zip(("code", "because", "do"), call.args, strict=False))
                parts |= {word.arg: word.value for word in call.keywords if word.arg in ("because", "do")}
                if isinstance(parts["code"], ast.Constant):  # not a helper that is given the code
                    do = _said(parts["do"], function) or "–" if "do" in parts else "nothing to do"
                    yield f"`{parts['code'].value!s}`", _said(parts["because"], function), do


def _functions(path: Path) -> Iterator[ast.FunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return (node for node in tree.body if isinstance(node, ast.FunctionDef))


def _calls(within: ast.AST, name: str) -> list[ast.Call]:
    """The calls of a function, in the order of the text."""
    found = [
        node for node in ast.walk(within)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    ]  # fmt: skip
    return sorted(found, key=lambda node: (node.lineno, node.col_offset))


def _said(value: ast.expr, function: ast.FunctionDef) -> str:
    """The messages that an expression may be, one or the other."""
    return " · ".join(dict.fromkeys(_messages(value, function)))


def _messages(value: ast.expr, function: ast.FunctionDef) -> Iterator[str]:
    match value:
        case ast.Call(func=ast.Name(id="say"), args=[ast.Constant(value=str(text))]):
            yield text
        case ast.Call(func=ast.Name(id="_of"), args=[_, what]):
            yield from (f"source {{source}}: {each}" for each in _messages(what, function))
        case ast.Call(func=ast.Name(id="quoted")):
            yield "{text}"
        case ast.IfExp(body=one, orelse=other):
            yield from _messages(one, function)
            yield from _messages(other, function)
        case ast.Name(id=name):
            yield from (each for text in _assigned(name, value, function) for each in _messages(text, function))


def _assigned(name: str, use: ast.expr, function: ast.FunctionDef) -> list[ast.expr]:
    """What a name may be where it is used: what was assigned in the nearest statement before it that does."""
    blocks = [
        [each.value for each in ast.walk(statement)
         if isinstance(each, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in each.targets)]
        for node in ast.walk(function) for body in (getattr(node, "body", None), getattr(node, "orelse", None))
        if isinstance(body, list)
        for statement in body if statement.end_lineno < use.lineno
    ]  # fmt: skip
    nearest = max((block for block in blocks if block), key=lambda block: max(v.lineno for v in block), default=[])
    together = [block for block in blocks if block and set(map(id, nearest)) <= set(map(id, block))]
    return min(together, key=lambda block: min(v.lineno for v in block), default=[])


def _sections() -> Iterator[tuple[str, Mapping[str, str]]]:
    """The tables of sentences, in the parts that comments make of them."""
    for module, table in (("of_story", STORY), ("of_status", STATUS), ("of_stored", STORED)):
        text = (_CODE / "language" / f"{module}.py").read_text(encoding="utf-8")
        starts = {text.count("\n", 0, found.start()) + 1: found[1] for found in _SECTION.finditer(text)}
        parts: dict[str, dict[str, str]] = {}
        (lines,) = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Dict)]
        for key, english in zip(lines.keys, table, strict=True):
            assert key is not None
            title = starts[max(line for line in starts if line <= key.lineno)]
            parts.setdefault(title, {})[english] = table[english]
        yield from parts.items()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
