"""What `status` calls wrong and what to do about it, in Swedish, by the English messages."""

from __future__ import annotations

from typing import Final

STATUS: Final = {
    # ── what is wrong (relay.report.health) ──
    "source {source}: {what}": "källa {source}: {what}",
    "the broker does not answer, so the workers get no work: {text}": (
        "meddelandekön svarar inte, så arbetsprocesserna hör ingenting: {text}"
    ),
    "change {change} of many posts is held ({removed} removed, {moved} moved, {created} created): see "
    "`ei-relay changes show {change}`": (
        "ändring {change} av många poster är stoppad ({removed} tas bort, {moved} flyttas, {created} tillkommer): se "
        "`ei-relay changes show {change}`"
    ),
    "change {change} of its lists was rejected, and they still say so: they are not followed": (
        "ändring {change} av dess listor avvisades, och de säger fortfarande så: de följs inte"
    ),
    "{number} rows wait to be taken, the oldest for {minutes} minutes: are workers and beat at work?": (
        "{number} rader väntar på att tas emot, den äldsta sedan {minutes} minuter: är arbetsprocesser och beat igång?"
    ),
    "source {source}{more}: {rows} rows and {posts} posts wait, and no worker has checked it {ago}: {do}": (
        "källa {source}{more}: {rows} rader och {posts} poster väntar, och ingen arbetsprocess har tittat på den "
        "{ago}: {do}"
    ),
    " (and {number} more)": " (och {number} till)",
    "for {minutes} minutes": "på {minutes} minuter",
    "yet": "ännu",
    "{number} workers are alive: start their beat": "{number} arbetsprocesser lever: starta deras beat",
    "start the workers and their beat": "starta arbetsprocesserna och beat",
    "the ids of its outbox have begun again (last seen {at}); rows are taken by the time they were written: see that "
    "ids grow, ei-relay outbox check": (
        "id:na i dess utkorg har börjat om (senast sett {at}); rader tas i den ordning de skrevs: se till att id:na "
        "växer, `ei-relay outbox check`"
    ),
    "lane {lane}: a change has waited for {minutes} minutes of the 60 it may": (
        "sändkö {lane}: en ändring har väntat i {minutes} minuter av de 60 som är tillåtna"
    ),
    "lane {lane} is blocked {code}{since}": "sändkö {lane} är spärrad av {code}{since}",
    "lane {lane} is paused{since}": "sändkö {lane} är pausad{since}",
    "lane {lane} rests after a failed call{code}": "sändkö {lane} vilar efter ett misslyckat anrop{code}",
    "lane {lane} rests after {number} failed calls{code}": "sändkö {lane} vilar efter {number} misslyckade anrop{code}",
    "{number} outbox rows were rejected within the hour{newest}": (
        "{number} rader i utkorgen har avvisats den senaste timmen{newest}"
    ),
    ", the newest is id {row}: `ei-relay rows rejected`": ", den senaste har id {row}: `ei-relay rows rejected`",
    "1 outbox row was rejected within the hour{newest}": "1 rad i utkorgen har avvisats den senaste timmen{newest}",
    "1 post is parked": "1 post är parkerad",
    "row {row} is set aside{since}, since its outcome cannot be written: {reason}": (
        "rad {row} är undanlagd{since}, eftersom dess utfall inte går att skriva: {reason}"
    ),
    "{number} posts are parked": "{number} poster är parkerade",
    "{number} outbox rows are set aside, since their outcome cannot be written; the first is id "
    "{row}{since}: {reason}": (
        "{number} rader i utkorgen är undanlagda, eftersom deras utfall inte går att skriva; den första har id "
        "{row}{since}: {reason}"
    ),
    ", since {time}": ", sedan {time}",
    "index {index}: its client certificate cannot be read: {error}": (
        "index {index}: klientcertifikatet går inte att läsa: {error}"
    ),
    "index {index}: its client certificate ended on {day}": "index {index}: klientcertifikatet gick ut {day}",
    "index {index}: its client certificate ends on {day}": "index {index}: klientcertifikatet går ut {day}",
    "source {source}: the files of the workers' hosts say different things; the lists in force stay so: see "
    "`ei-relay workers list`": (
        "källa {source}: filerna på arbetsprocessernas värdar säger olika saker; det som gällde förut gäller: se "
        "`ei-relay workers list`"
    ),
    "source {source}: posts stand in the index under source system {was}, which the configuration now spells {now}: "
    "`ei-relay sources move {source} --from {was} --to {now}`": (
        "källa {source}: poster ligger i indexet under källsystem {was}, som konfigurationen nu skriver {now}: "
        "`ei-relay sources move {source} --from {was} --to {now}`"
    ),
    "the clock of {host} is {seconds} s {where} the relay's database's: see which of them is off": (
        "klockan på {host} går {seconds} s {where} relädatabasens: se vilken av dem som går fel"
    ),
    "ahead of": "före",
    "behind": "efter",
    "its full list was not compared: {error}": "dess fullständiga lista jämfördes inte: {error}",
    "its full list was last compared at {at}: are workers at work at night?": (
        "dess fullständiga lista jämfördes senast {at}: är arbetsprocesserna igång på natten?"
    ),
    "its full list has never been compared: are workers at work at night?": (
        "dess fullständiga lista har aldrig jämförts: är arbetsprocesserna igång på natten?"
    ),
    "its full list has {number} rows that cannot be read{first}": (
        "dess fullständiga lista har {number} rader som inte går att läsa{first}"
    ),
    ", the first: {reason}": ", den första: {reason}",
    "index {index} does not hold what it is known to hold: {lost} lost, {ghost} ghost, {wrong} wrong of what was "
    "compared last: see `ei-relay verify`": (
        "index {index} innehåller inte vad det ska: {lost} saknade, {ghost} överblivna och {wrong} felaktiga av dem "
        "som jämfördes senast: se `ei-relay verify`"
    ),
    # ── what a mass resend means (relay.report.estimate) ──
    "{calls} calls, {time} or more (R-34), messages to residents: {messages}": (
        "{calls} anrop, {time} eller mer (R-34), meddelanden till invånare: {messages}"
    ),
    "none": "inga",
    "at most {number} (for deletes, and posts the index had refused)": (
        "högst {number} (för borttagningar, och poster som indexet hade nekat)"
    ),
    # ── what to do (relay.console.advice) ──
    "See the reason with `ei-relay snapshot query --dry-run`; mend the view or its rows.": (
        "Se orsaken med `ei-relay snapshot query --dry-run`; rätta vyn eller dess rader."
    ),
    "See that workers and beat are at work at night, or do it by hand: `ei-relay snapshot query`.": (
        "Se till att arbetsprocesser och beat arbetar på natten, eller gör det för hand: `ei-relay snapshot query`."
    ),
    "List what differs with `ei-relay verify`; `--repair` sends it again.": (
        "Lista vad som skiljer med `ei-relay verify`; `--repair` sänder det igen."
    ),
    "See which clock is off, and set it by NTP.": "Se vilken klocka som går fel, och ställ den med NTP.",
    "See whether it runs and can be reached: `ei-relay config check --connect`. Nothing is lost meanwhile.": (
        "Se efter att den är igång och går att nå: `ei-relay config check --connect`. Inget går förlorat under tiden."
    ),
    "See what the line says of the outbox or the list: `ei-relay outbox check`, `ei-relay config check`.": (
        "Se vad raden säger om utkorgen eller listan: `ei-relay outbox check`, `ei-relay config check`."
    ),
    "Find out whether a database was restored, and when; then `ei-relay recover` as the runbook says.": (
        "Ta reda på om en databas har återställts, och när; sedan `ei-relay recover` enligt driftshandboken."
    ),
    "Ask the booking system's administrator whether the table was made anew; see `ei-relay outbox check`.": (
        "Fråga bokningssystemets förvaltare om tabellen har gjorts om; se `ei-relay outbox check`."
    ),
    "Ask the booking system's administrator whether it is meant; then approve or reject it.": (
        "Fråga bokningssystemets förvaltare om det är avsett; godkänn eller avvisa sedan ändringen."
    ),
    "Correct the list; or approve the change, if the list is right after all.": (
        "Rätta listan, eller godkänn ändringen om listan ändå är rätt."
    ),
    "Start the workers and beat, and read their log.": "Starta arbetsprocesserna och beat, och läs deras logg.",
    "Its hour (R-33) is nearly over: see the lane's state and cause below.": (
        "Timmen (R-33) är snart slut: se sändköns läge och orsak nedan."
    ),
    "The code says what: certificate, authorisation or address. Mend it, then resume the lane.": (
        "Koden säger vad: certifikat, behörighet eller adress. Åtgärda det och återuppta sedan sändkön."
    ),
    "Find out who paused it and why; then resume the lane.": (
        "Ta reda på vem som pausade den och varför; återuppta sedan sändkön."
    ),
    "The index or the platform fails; the relay asks again by itself. Call its operator if it goes on.": (
        "Indexet eller plattformen svarar fel; reläet försöker igen av sig självt. Ring dess drift om det fortsätter."
    ),
    "Send the list to the booking system's vendor: each row says which field and how to write it.": (
        "Skicka listan till bokningssystemets leverantör: varje rad säger vilket fält och hur det skrivs."
    ),
    "See the code; correct the cause, then retry the posts.": "Se koden; rätta orsaken och försök sedan igen.",
    "Their outcome cannot be written to the outbox: see the database's rights and constraints.": (
        "Deras utfall kan inte skrivas i utkorgen: se databasens rättigheter och villkor."
    ),
    "See the file's path and rights.": "Se filens sökväg och rättigheter.",
    "Order a new one now, and put it in the same place: it is read without a restart.": (
        "Beställ ett nytt nu och lägg det på samma plats: det läses utan omstart."
    ),
    "Nothing can be sent until there is a new one in its place.": (
        "Inget kan sändas förrän ett nytt ligger på dess plats."
    ),
}
