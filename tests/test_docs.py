"""The documents as a whole: every link leads somewhere, every page is in the contents, every command shown is there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest

from relay.cli.main import cli

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "findings" / "README.md"])
CODE: Final = re.compile(r"^(```|~~~).*?^\1[ \t]*$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)", re.DOTALL)
MENTIONED: Final = re.compile(r"`((?:docs|config|findings|helm|relay|tests|workers|\.ci)/[\w./-]+)`")
KINDS: Final = ("Tutorial", "How to", "Reference", "Explanation")


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and its like make them."""
    made: list[str] = []
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        made.append(re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-"))
    return set(made)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    prose = CODE.sub("", page.read_text(encoding="utf-8"))
    for link in LINK.findall(prose):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = page if not path else (page.parent / path).resolve()
        assert target.exists(), f"{link}: no such file"
        assert not anchor or anchor in anchors(target), f"{link}: no such heading"


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=name)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    for path in MENTIONED.findall(page.read_text(encoding="utf-8")):
        beside = ROOT / "relay" / path  # architecture.md names modules as they are called within the package
        assert any(ROOT.glob(path)) or beside.exists(), path


def test_the_readme_has_every_page_under_one_of_the_four_kinds() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    contents = readme.split("\n## Documentation\n")[1].split("\n## ")[0]
    assert re.findall(r"^\| \*\*(.*?)\*\*", contents, re.MULTILINE) == list(KINDS)
    listed = [link for link in LINK.findall(contents) if link.startswith("docs/")]
    assert sorted(listed) == sorted(name(page) for page in PAGES if page.parent.name == "docs")


def commands(page: Path) -> Iterator[list[str]]:
    """Each `ei-relay …` that stands as a line of a block, as words; what is left open (…) is left out."""
    for line in page.read_text(encoding="utf-8").splitlines():
        found = re.match(r"^(?: {4,}|)(?:\$ |sudo -u \S+ \S+ |until )?(?:\S*/)?(ei-relay [a-z].*)$", line)
        if found and "…" not in line and not line.startswith("ei-relay's"):
            words = re.split(r"\s[#|>&]| 2>|;", found[1])[0].removesuffix("\\")
            yield shlex.split(words)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_that_a_page_shows_is_there_with_its_options(page: Path) -> None:
    for words in commands(page):
        command: click.Command = cli
        context = click.Context(command)
        rest = words[1:]
        while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
            found = command.get_command(context, rest[0])
            if found is None and re.search(r"[|{]", rest[0]):  # several at once: `lanes pause|resume`
                break
            assert found is not None, f"{' '.join(words)}: no command {rest[0]}"
            command, rest = found, rest[1:]
        known = {option for parameter in command.params for option in parameter.opts} | {"--help", "--version"}
        for word in rest:
            if word.startswith("--"):
                assert word.partition("=")[0] in known, f"{' '.join(words)}: no option {word}"


def test_enough_commands_are_looked_at() -> None:
    assert sum(1 for page in PAGES for _ in commands(page)) > 60


def test_every_verb_of_run_that_a_page_shows_is_there() -> None:
    verbs = set(re.findall(r"^    ([\w-]+)\)", (ROOT / "run").read_text(encoding="utf-8"), re.MULTILINE))
    for page in PAGES:
        shown = set(re.findall(r"\./run ([a-z-]+)", page.read_text(encoding="utf-8")))
        assert shown <= verbs, f"{name(page)}: {shown - verbs}"
