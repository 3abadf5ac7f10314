"""The national platform in front of the index: the shape of its faults, and what it answers while it stops and starts.

Its faults have a prefix of their own, its instance's name in brackets, a sentence in Swedish for people, and the
reason in English in `detail/detailString`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

INSTANCE: Final = "ei-relay sandbox"
PRODUCER: Final = "https://index.example/engagementindex/Update/1/rivtabp21"

# By code: whose fault it is, the sentence, and a reason where the order gives none.
MEANINGS: Final[dict[str, tuple[Literal["Client", "Server"], str, str]]] = {
    "VP001": ("Client", "Anropets RIV-TA-version saknas eller stöds inte.", "No RIV version"),
    "VP002": (
        "Client",
        "Klientcertifikatet saknas eller är felaktigt.",
        "No sender ID found in certificate, subject: CN=relay.example",
    ),
    "VP003": ("Client", "Anropet saknar logisk adressat.", "No receiverId in the message's header"),
    "VP004": (
        "Client",
        "Tjänsteadresseringskatalogen har inget vägval för den logiska adressaten och tjänstekontraktet.",
        "No receiver for serviceNamespace: urn:riv:itintegration:engagementindex:UpdateResponder:1, receiverId: 0",
    ),
    "VP005": ("Client", "Tjänsteproducenten stödjer inte anropets RIV-TA-version.", "No receiver of that RIV version"),
    "VP006": ("Server", "Fler än en tjänsteproducent matchar anropet.", "More than one receiver"),
    "VP007": (
        "Server",
        "Tjänstekonsumenten saknar behörighet att anropa den logiska adressaten med detta tjänstekontrakt.",
        "Authorization missing for serviceNamespace: urn:riv:itintegration:engagementindex:UpdateResponder:1, "
        "receiverId: 5565594230, senderId: SE2321000016-EX01, from: 192.0.2.10",
    ),
    "VP008": ("Server", "Ingen kontakt med tjänsteadresseringskatalogen.", "No contact with the catalogue"),
    "VP009": ("Server", "Fel vid kontakt med tjänsteproducenten.", f"Error connecting to the producer at {PRODUCER}"),
    "VP010": ("Server", "Tjänsteproducentens adress saknas i tjänsteadresseringskatalogen.", "No physical address"),
    "VP011": (
        "Client",
        "Anropet kom från en adress som inte är tillåten.",
        "Caller is not on the list of accepted addresses: 192.0.2.10",
    ),
    "VP012": ("Server", "Plattformen saknar resurser för att behandla anropet.", "Rewriting the message failed"),
    "VP013": (
        "Client",
        "Tjänstekonsumenten får inte använda headern x-rivta-original-serviceconsumer-hsaid.",
        "Sender is not approved to set x-rivta-original-serviceconsumer-hsaid",
    ),
    "VP014": ("Server", "Anropet går runt mellan plattformar.", "Routing loop"),
    "VP015": ("Client", "Anropet är inte ett giltigt SOAP-meddelande.", "Malformed message"),
}


def detail_of(code: str, *, status: int | None = None) -> str:
    """The reason that the platform gives; for VP009 what it saw at the producer, a status on the last line."""
    reason = MEANINGS[code][2]
    if code != "VP009":
        return reason
    seen = "ConnectException: Cannot connect" if status is None else "HttpOperationFailed: the producer answered"
    reason = f"{reason}. Exception caught when contacting the producer: ({seen})"
    return reason if status is None else f"{reason}\nVP_PRODUCER_EXCEPTION_HTTP_STATUS={status}"


@dataclass(slots=True)
class Platform:
    """Whether the platform is there, by the moments at which its state changes."""

    stops: float = float("inf")
    bare_from: float = float("inf")
    gone_from: float = float("inf")
    ready_from: float = float("-inf")

    def stop(self, now: float, seconds: float) -> None:
        """Begin to stop: 503 for `seconds`, a bare 404 for a moment, then nobody there."""
        self.stops, self.bare_from = now, now + seconds
        self.gone_from, self.ready_from = self.bare_from + BARE_FOR, float("inf")

    def start(self, now: float, seconds: float) -> None:
        """Begin to start: VP008 for `seconds`, until the catalogue has been read."""
        self.stops = self.bare_from = self.gone_from = float("inf")
        self.ready_from = now + seconds

    def state(self, now: float) -> Literal["ready", "starting", "stopping", "bare", "gone"]:
        """What a call meets."""
        if now >= self.gone_from:
            return "gone"
        if now >= self.bare_from:
            return "bare"
        if now >= self.stops:
            return "stopping"
        return "ready" if now >= self.ready_from else "starting"


BARE_FOR: Final = 0.05
"""Seconds for which a platform that stops answers a bare 404."""
