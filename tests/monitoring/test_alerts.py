"""The alerts: each fires when it should and is silent beside it, and leads to a runbook that can be followed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from relay.cli.main import cli
from tests.monitoring.conftest import RULES, promtool

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"
ALERTS = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
TESTS = RULES.parent / "tests" / "ei-relay.test.yml"


def anchors() -> set[str]:
    """The headings of the runbook, as links to them are written."""
    headings = re.findall(r"^#+ (.+)$", RUNBOOK.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


def commands() -> list[str]:
    """Every `ei-relay …` the runbook tells to run, in a block of its own or within a line."""
    text = RUNBOOK.read_text()
    found = re.findall(r"^    (ei-relay [^\n]+)$", text, re.MULTILINE) + re.findall(r"`(ei-relay [^`]+)`", text)
    return sorted(set(found))


def links() -> Iterator[str]:
    yield from (alert["annotations"]["runbook"].partition("#")[2] for alert in ALERTS)
    yield from re.findall(r"\(#([^)]+)\)", RUNBOOK.read_text())


@pytest.mark.promtool
def test_the_rules_are_rules() -> None:
    assert f"{len(ALERTS)} rules found" in promtool("check", "rules", str(RULES))


@pytest.mark.promtool
def test_the_alerts_fire_when_they_should_and_only_then() -> None:
    assert "SUCCESS" in promtool("test", "rules", str(TESTS))


@pytest.mark.promtool
def test_the_example_of_a_scrape_is_a_configuration() -> None:
    assert "is valid prometheus config" in promtool("check", "config", str(RULES.with_name("scrape.example.yaml")))


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_is_tested_and_says_what_and_where_to_read(alert: dict[str, dict[str, str]]) -> None:
    tested = yaml.safe_load(TESTS.read_text())["tests"]
    cases = [case for test in tested for case in test["alert_rule_test"] if case["alertname"] == alert["alert"]]

    assert any(case["exp_alerts"] for case in cases), "no test makes it fire"
    assert alert["labels"]["severity"] in ("page", "ticket")
    assert alert["annotations"]["summary"]
    assert alert["annotations"]["runbook"] == f"docs/runbook.md#{str(alert['alert']).lower()}"
    assert alert["annotations"]["runbook_url"] == f"https://ei-relay.example/{alert['annotations']['runbook']}"


@pytest.mark.parametrize("link", sorted(set(links())))
def test_every_link_to_the_runbook_ends_at_a_heading(link: str) -> None:
    assert link in anchors()


@pytest.mark.parametrize("section", [alert["alert"] for alert in ALERTS])
def test_every_heading_says_what_it_means_how_to_look_and_what_to_do(section: str) -> None:
    text = RUNBOOK.read_text().split(f"\n## {section}\n")[1].split("\n## ")[0]
    for part in ("**What it means.**", "**How to look.**", "**What to do.**"):
        assert part in text


@pytest.mark.parametrize("line", commands())
def test_every_command_of_the_runbook_exists(line: str) -> None:
    words = shlex.split(line)[1:]
    context = click.Context(cli)
    command: click.Command | None = cli
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name = words.pop(0)
        command = command.get_command(context, name)
        assert command is not None, f"there is no command {name}"
    assert command is not None
    options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    assert {word for word in words if word.startswith("-")} <= options
