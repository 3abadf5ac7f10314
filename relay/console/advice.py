"""What to do about each thing that `status` calls wrong, in a sentence, and the runbook's section about it."""

from __future__ import annotations

from typing import Final, NamedTuple

from relay.language.said import Said, say


class Advice(NamedTuple):
    """`section` of the runbook; `page`: where the console shows it; `text`: what to do."""

    section: str
    page: str
    text: Said


_SILENT: Final = say("Start the workers and beat, and read their log.")

ADVICE: Final = {
    "broker": Advice(
        "EiRelayBrokerUnreachable", "/workers",
        say("See whether it runs and can be reached: `ei-relay config check --connect`. Nothing is lost meanwhile."),
    ),
    "outbox": Advice(
        "EiRelayOutboxUnreachable", "/bookings",
        say("See what the line says of the outbox or the list: `ei-relay outbox check`, `ei-relay config check`."),
    ),
    "restored": Advice(
        "EiRelayRestoreSuspected", "/audit",
        say("Find out whether a database was restored, and when; then `ei-relay recover` as the runbook says."),
    ),
    "restarted": Advice(
        "EiRelayOutboxUnreachable", "/bookings",
        say("Ask the booking system's administrator whether the table was made anew; see `ei-relay outbox check`."),
    ),
    "held": Advice(
        "EiRelayChangesHeld", "/changes",
        say("Ask the booking system's administrator whether it is meant; then approve or reject it."),
    ),
    "not_followed": Advice(
        "EiRelayChangesHeld", "/changes",
        say("Correct the list; or approve the change, if the list is right after all."),
    ),
    "unread": Advice("EiRelayWorkersSilent", "/workers", _SILENT),
    "unattended": Advice("EiRelayWorkersSilent", "/workers", _SILENT),
    "late": Advice(
        "EiRelayChangeLate", "/lanes", say("Its hour (R-33) is nearly over: see the lane's state and cause below."),
    ),
    "blocked": Advice(
        "EiRelayLaneBlocked", "/lanes",
        say("The code says what: certificate, authorisation or address. Mend it, then resume the lane."),
    ),
    "paused": Advice(
        "EiRelayChangeLate", "/audit?command=lanes+pause", say("Find out who paused it and why; then resume the lane."),
    ),
    "resting": Advice(
        "EiRelayNothingAccepted", "/calls",
        say("The index or the platform fails; the relay asks again by itself. Call its operator if it goes on."),
    ),
    "rejected": Advice(
        "EiRelayRowsRejected", "/rejected",
        say("Send the list to the booking system's vendor: each row says which field and how to write it."),
    ),
    "parked": Advice(
        "EiRelayParkedGrowing", "/parked", say("See the code; correct the cause, then retry the posts."),
    ),
    "set_aside": Advice(
        "EiRelayRowsSetAside", "/rejected",
        say("Their outcome cannot be written to the outbox: see the database's rights and constraints."),
    ),
    "list_failed": Advice(
        "EiRelayFullListFailed", "/",
        say("See the reason with `ei-relay snapshot query --dry-run`; mend the view or its rows."),
    ),
    "list_overdue": Advice(
        "EiRelayFullListOverdue", "/workers",
        say("See that workers and beat are at work at night, or do it by hand: `ei-relay snapshot query`."),
    ),
    "index_differs": Advice(
        "EiRelayIndexDiffers", "/posts",
        say("List what differs with `ei-relay verify`; `--repair` sends it again."),
    ),
    "clock": Advice("EiRelayClockDiffers", "/workers", say("See which clock is off, and set it by NTP.")),
    "certificate_unreadable": Advice(
        "EiRelayCertificateUnreadable", "/", say("See the file's path and rights."),
    ),
    "certificate_ends": Advice(
        "EiRelayCertificateEndsSoon", "/",
        say("Order a new one now, and put it in the same place: it is read without a restart."),
    ),
    "certificate_ended": Advice(
        "EiRelayCertificateEnds", "/", say("Nothing can be sent until there is a new one in its place."),
    ),
}  # fmt: skip
"""By the kind of trouble (`relay.report.health`)."""
