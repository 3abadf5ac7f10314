"""What is told of alerts while the demo goes on: news only, and those of one name together."""

from __future__ import annotations

from relay.demo.afterwards import Alerts
from relay.demo.prometheus import Alert


def blocked(state: str, *systems: str) -> list[Alert]:
    return [Alert("EiRelayLaneBlocked", state, f"{system}: refused", "docs/runbook.md#x") for system in systems]


def test_an_alert_is_told_of_when_it_comes_when_it_fires_and_when_it_is_gone():
    alerts = Alerts()

    assert alerts.news([]) == []
    assert alerts.news(blocked("pending", "A")) == ["pending  EiRelayLaneBlocked: A: refused; fires if it lasts"]
    assert alerts.news(blocked("pending", "A")) == []
    assert alerts.news(blocked("firing", "A")) == ["FIRING   EiRelayLaneBlocked: A: refused (docs/runbook.md#x)"]
    assert alerts.news(blocked("firing", "A")) == []
    assert alerts.news([]) == ["gone     EiRelayLaneBlocked"]


def test_many_of_one_name_are_one_line_and_told_of_again_when_they_become_more():
    alerts = Alerts()

    assert alerts.news(blocked("pending", "A", "B") + blocked("firing", "C", "D", "E")) == [
        "FIRING   EiRelayLaneBlocked: C: refused, and 2 more (docs/runbook.md#x)"
    ]
    assert alerts.news(blocked("firing", "D")) == []
    assert alerts.news(blocked("firing", "D", "E")) == [
        "FIRING   EiRelayLaneBlocked: D: refused, and 1 more (docs/runbook.md#x)"
    ]
