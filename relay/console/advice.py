"""What to do about each thing that `status` calls wrong, in a sentence, and the runbook's section about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from relay.console.words import SWEDISH


@dataclass(frozen=True, slots=True)
class Advice:
    """In English and in Swedish; `page`: where the console shows it."""

    section: str
    page: str
    english: str
    swedish: str

    def text(self, language: str) -> str:
        """The advice in that language."""
        return self.swedish if language == SWEDISH else self.english


_KNOWN: Final = tuple((re.compile(pattern), Advice(*said)) for pattern, *said in (
    (r"^the broker ", "EiRelayBrokerUnreachable", "/workers",
     "See whether it runs and can be reached: `ei-relay config check --connect`. Nothing is lost meanwhile.",
     "Se efter att den är igång och går att nå: `ei-relay config check --connect`. Inget går förlorat under tiden."),
    (r"of many posts is held|of its lists was rejected", "EiRelayChangesHeld", "/changes",
     "Ask the booking system's administrator whether it is meant; then `ei-relay changes approve` or `reject`.",
     "Fråga bokningssystemets förvaltare om det är avsett; sedan `ei-relay changes approve` eller `reject`."),
    (r"rows wait to be taken|no worker has checked", "EiRelayWorkersSilent", "/workers",
     "Start the workers and beat, and read their log.",
     "Starta arbetsprocesserna och beat, och läs deras logg."),
    (r"a change has waited for", "EiRelayChangeLate", "/lanes",
     "Its hour (R-33) is nearly over: see the lane's state and cause below.",
     "Timmen (R-33) är snart slut: se sändköns läge och orsak nedan."),
    (r"^lane .* is blocked", "EiRelayLaneBlocked", "/lanes",
     "The code says what: certificate, authorisation or address. Mend it, then `ei-relay lanes resume`.",
     "Koden säger vad: certifikat, behörighet eller adress. Åtgärda det, sedan `ei-relay lanes resume`."),
    (r"^lane .* is paused", "EiRelayChangeLate", "/audit",
     "Find out who paused it and why; then `ei-relay lanes resume`.",
     "Ta reda på vem som pausade den och varför; sedan `ei-relay lanes resume`."),
    (r"^lane .* rests after", "EiRelayNothingAccepted", "/calls",
     "The index or the platform fails; the relay asks again by itself. Call its operator if it goes on.",
     "Indexet eller plattformen svarar fel; reläet försöker igen av sig självt. Ring dess drift om det fortsätter."),
    (r"rows were rejected", "EiRelayRowsRejected", "/rejected",
     "Send the list to the booking system's vendor: each row says which field and how to write it.",
     "Skicka listan till bokningssystemets leverantör: varje rad säger vilket fält och hur det skrivs."),
    (r"posts are parked", "EiRelayParkedGrowing", "/parked",
     "See the code; correct the cause, then `ei-relay parked retry`.",
     "Se koden; rätta orsaken, sedan `ei-relay parked retry`."),
    (r"rows are set aside", "EiRelayRowsSetAside", "/rejected",
     "Their outcome cannot be written to the outbox: see the database's rights and constraints.",
     "Deras utfall kan inte skrivas i utkorgen: se databasens rättigheter och villkor."),
    (r"client certificate cannot be read", "EiRelayCertificateUnreadable", "/",
     "See the file's path and rights.", "Se filens sökväg och rättigheter."),
    (r"client certificate ends on", "EiRelayCertificateEndsSoon", "/",
     "Order a new one now, and put it in the same place: it is read without a restart.",
     "Beställ ett nytt nu och lägg det på samma plats: det läses utan omstart."),
    (r"client certificate ended", "EiRelayCertificateEnds", "/",
     "Nothing can be sent until there is a new one in its place.",
     "Inget kan sändas förrän ett nytt ligger på dess plats."),
))  # fmt: skip
_OUTBOX: Final = Advice(
    "EiRelayOutboxUnreachable", "/bookings",
    "See what the line says of the outbox or the list: `ei-relay outbox check`, `ei-relay config check`.",
    "Se vad raden säger om utkorgen eller listan: `ei-relay outbox check`, `ei-relay config check`.",
)  # fmt: skip


def advice_on(line: str) -> Advice:
    """What to do about a line of `status`. What is said of a source and not known here is about its outbox or lists."""
    return next((advice for pattern, advice in _KNOWN if pattern.search(line)), _OUTBOX)
