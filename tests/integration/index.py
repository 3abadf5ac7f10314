"""The index to practise on, as a process of its own, asked over HTTP like any other party would."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import requests

from tests.integration.processes import Process, environment
from tests.waiting import PATIENCE, wait_until


class Post(NamedTuple):
    """A post as the index holds it: the parts of its key that differ between bookings, and its mostRecentContent."""

    resident_id: str
    care_unit: str
    booking_id: str
    source_system: str
    data_controller: str
    content: str | None


class PracticeIndex:
    """`ei-relay sandbox` on a free port, with a referee that was told the pauses (seconds) the relay must keep."""

    def __init__(
        self, folder: Path, *, key_spacing: float, retry_after_fault: float, latency: float = 0.0, port: int = 0
    ) -> None:
        arguments = ["-m", "relay", "sandbox", "--port", str(port), "--latency", str(latency)]
        arguments += ["--key-spacing", str(key_spacing), "--retry-after-fault", str(retry_after_fault)]
        self.process = Process("sandbox", arguments, folder, environment(folder / "none.toml")).start()
        self._http = requests.Session()
        try:
            wait_until(lambda: "page" in self.process.output(), lambda: f"sandbox: {self.process.log()[-2000:]}")
        except AssertionError:
            self.process.kill()
            raise
        lines = dict(line.split() for line in self.process.output().splitlines())
        self.update_url, self._url = lines["updates"], lines["page"].rstrip("/")

    def posts(self) -> list[Post]:
        """All it holds, in no order; two posts of one key cannot be."""
        return [
            Post(
                p["registered_resident_identification"], p["logical_address"], p["business_object_instance_identifier"],
                p["source_system"], p["data_controller"], p["most_recent_content"],
            )
            for p in self._get("posts")
        ]  # fmt: skip

    def content_of(self, booking_id: str) -> list[str | None]:
        """The mostRecentContent of every post of a booking."""
        return [post.content for post in self.posts() if post.booking_id == booking_id]

    def calls(self) -> list[dict[str, Any]]:
        """The calls it got, oldest first: `started` and `ended` are seconds since 1970."""
        calls: list[dict[str, Any]] = self._get("calls")
        return calls

    def summary(self) -> dict[str, Any]:
        """Its counts: posts, calls, transactions, breaches."""
        summary: dict[str, Any] = self._get("summary")
        return summary

    def breaches(self) -> list[dict[str, Any]]:
        """What its referee noted."""
        breaches: list[dict[str, Any]] = self._get("breaches")
        return breaches

    def order(self, **order: object) -> None:
        """Order an answer ahead."""
        self._http.post(f"{self._url}/api/orders", json=order, timeout=PATIENCE).raise_for_status()

    def orders(self) -> list[dict[str, Any]]:
        """The orders that stand; one for so many calls is gone when the last of them has come."""
        orders: list[dict[str, Any]] = self._get("orders")
        return orders

    def cancel_orders(self) -> None:
        """Have it answer normally again."""
        self._http.delete(f"{self._url}/api/orders", timeout=PATIENCE).raise_for_status()

    def close(self) -> None:
        """Kill it."""
        self.process.kill()
        self._http.close()

    def _get(self, what: str) -> Any:
        response = self._http.get(f"{self._url}/api/{what}", timeout=PATIENCE)
        response.raise_for_status()
        return response.json()
