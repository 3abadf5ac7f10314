"""The process by which a region connects a booking system to web booking on 1177: its steps, as they are published.

Pure data (R-50 to R-53). The numbers are the process's own; a step without one belongs to none of them. Each step is
done once for each environment and source. What waits for what stands in `after`: keys of the same environment.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Environment = Literal["qa", "production"]

ENVIRONMENTS: Final[tuple[Environment, ...]] = ("qa", "production")
IN_SWEDISH: Final = {"qa": "QA-miljö", "production": "produktionsmiljö"}

UNITS: Final = "units"  # the step that is done unit by unit
TEST: Final = "test"  # the step that a rehearsal shows
INBOX_ORDER: Final = "inbox-order"
NTJP_ORDER: Final = "ntjp-order"
UNITS_ORDER: Final = "units-order"
CONNECTED: Final = "ntjp"
CONNECT_CHECK: Final = "connect-check"  # not a step: that `config check --connect` passed
REJECTED_ROWS: Final = "rejected-rows"  # not a step: that somebody has explained the rejected rows


class Step(NamedTuple):
    """One step. `how` says what to do next while it is open; `{source}` is filled in."""

    environment: Environment
    key: str
    number: str
    title: str
    swedish: str
    how: str
    after: tuple[str, ...] = ()


_ORDER_NTJP: Final = (
    "order the connection: producer of the Tidbokning contracts, consumer of Engagemangsindex Update",
    "Beställ anslutning till NTjP: producent av tidbokningens tjänstekontrakt och konsument av Engagemangsindex Update",
)
_SEND_UNITS: Final = "`ei-relay onboarding units --source {source} --eml FILE` writes the mail to send"
_CONFIRM: Final = "when 1177 has confirmed: `ei-relay onboarding done units --source {source} --unit HSA-ID …`"
_SAY: Final = "when it is done: `ei-relay onboarding done {key} --source {{source}} --by NAME`"


def _said(key: str) -> str:
    return _SAY.format(key=key)


STEPS: Final[tuple[Step, ...]] = (
    Step("qa", NTJP_ORDER, "1", f"NTjP QA: {_ORDER_NTJP[0]}", f"{_ORDER_NTJP[1]} (QA)",
         "`ei-relay onboarding ntjp --source {source}` writes the order; " + _said(NTJP_ORDER)),
    Step("qa", CONNECTED, "1", "NTjP QA: the index answers our calls", "NTjP QA: anropen besvaras av Engagemangsindex",
         "`ei-relay config check --connect`, then a booking; seen by itself", (NTJP_ORDER,)),
    Step("qa", UNITS_ORDER, "2", "activation of the care units in 1177 QA is ordered",
         "Beställ aktivering av vårdenheterna i 1177 QA", f"{_SEND_UNITS}; {_said(UNITS_ORDER)}"),
    Step("qa", UNITS, "2", "the care units are activated in 1177 QA", "Vårdenheterna är aktiverade i 1177 QA",
         _CONFIRM, (UNITS_ORDER,)),
    Step("qa", "services", "3", "web booking services are created in 1177 QA",
         "Webbtidbokningstjänster är skapade i 1177 QA", _said("services"), (UNITS,)),
    Step("qa", "assign", "3", "the services are assigned to the care units in 1177 QA",
         "Tjänsterna är tilldelade vårdenheterna i 1177 QA (handboken Tjänsteutdelningen webbtidbok)",
         _said("assign"), ("services",)),
    Step("qa", "configure", "3", "the care units are configured so that the services can be tested",
         "Vårdenheterna är konfigurerade så att tjänsterna kan testas", _said("configure"), ("assign",)),
    Step("qa", INBOX_ORDER, "", "inbox messages are ordered for QA (invitations, confirmations)",
         "Beställ elektroniska kallelser och bokningsbekräftelser i QA-miljö",
         "`ei-relay onboarding inbox --source {source} --eml FILE` writes the mail to send; " + _said(INBOX_ORDER),
         (CONNECTED,)),
    Step("qa", TEST, "4", "tested in QA until content", "Testat i QA tills resultatet är godkänt",
         "`ei-relay onboarding rehearse --source {source}`", (CONNECTED, "configure")),
    Step("production", UNITS_ORDER, "5", "activation of the care units in 1177 production is ordered",
         "Beställ aktivering av vårdenheterna i 1177 produktion", f"{_SEND_UNITS}; {_said(UNITS_ORDER)}"),
    Step("production", UNITS, "5", "the care units are activated in 1177 production, under the HSA-ids that are sent",
         "Vårdenheterna är aktiverade i 1177 produktion, med samma HSA-id som i beställningen till NTjP",
         _CONFIRM, (UNITS_ORDER,)),
    Step("production", NTJP_ORDER, "5", f"NTjP production: {_ORDER_NTJP[0]}", f"{_ORDER_NTJP[1]} (produktion)",
         "`ei-relay onboarding ntjp --source {source}` writes the order; " + _said(NTJP_ORDER), (UNITS,)),
    Step("production", CONNECTED, "5", "NTjP production: the index answers our calls",
         "NTjP produktion: anropen besvaras av Engagemangsindex",
         "`ei-relay config check --connect`, then a booking; seen by itself", (NTJP_ORDER,)),
    Step("production", "services", "6", "web booking services are created in 1177 production",
         "Webbtidbokningstjänster är skapade i 1177 produktion", _said("services"), (UNITS,)),
    Step("production", "assign", "6", "the services are assigned to the care units in 1177 production",
         "Tjänsterna är tilldelade vårdenheterna i 1177 produktion", _said("assign"), ("services",)),
    Step("production", "terms", "6", "the services have their terms", "Tjänsterna har fått sina villkorstexter",
         _said("terms"), ("assign",)),
    Step("production", "activate", "6", "the services are activated", "Tjänsterna är aktiverade",
         _said("activate"), ("terms",)),
    Step("production", INBOX_ORDER, "", "inbox messages are ordered for production (invitations, confirmations)",
         "Beställ elektroniska kallelser och bokningsbekräftelser i produktionsmiljö",
         "`ei-relay onboarding inbox --source {source} --eml FILE` writes the mail to send; " + _said(INBOX_ORDER),
         (CONNECTED,)),
)  # fmt: skip


def steps_of(environment: str) -> list[Step]:
    """The steps of one environment, in order."""
    return [step for step in STEPS if step.environment == environment]


def step_named(environment: str, key: str) -> Step | None:
    """The step of that key, if the environment has one."""
    return next((step for step in steps_of(environment) if step.key == key), None)
