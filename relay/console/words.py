"""The page's words in Swedish, by the English ones.

A plain table and not gettext: a few hundred short texts in one other language need no catalogue files that must be
compiled and shipped, and a test sees to it that every text of the pages stands here. What the relay itself says, such
as a booking's story, has its Swedish in `relay.language`.
"""

from __future__ import annotations

from typing import Final

from relay.language.said import ENGLISH, SWEDISH

_SWEDISH: Final = {
    # ── around every page ──
    "Skip to the content": "Hoppa till innehållet",
    "Pages": "Sidor",
    "Overview": "Översikt",
    "Booking": "Bokning",
    "Booking id": "Boknings-id",
    "Find": "Sök",
    "Lanes": "Sändköer",
    "Calls": "Anrop",
    "Posts": "Poster",
    "Parked": "Parkerade",
    "Parked posts": "Parkerade poster",
    "Rejected rows": "Avvisade rader",
    "Held changes": "Stoppade ändringar",
    "Care units": "Vårdenheter",
    "Resends": "Omsändningar",
    "Workers": "Arbetsprocesser",
    "Audit log": "Åtgärdslogg",
    "Onboarding": "Anslutning",
    "Signed in as {name}": "Inloggad som {name}",
    "viewer": "läsare",
    "support": "support",
    "operator": "operatör",
    "Times are Swedish": "Tider är svensk tid",
    "qa": "QA",
    "production": "produktion",
    "To the overview": "Till översikten",
    "Not shown": "Visas inte",
    # ── the overview ──
    "Everything is all right": "Allt står rätt till",
    "One thing is wrong": "En sak är fel",
    "{number} things are wrong": "{number} saker är fel",
    "As of {time}": "Läget {time}",
    "As of": "Läget",
    "Refresh": "Uppdatera",
    "Refresh every half minute": "Uppdatera varje halvminut",
    "Stop refreshing": "Sluta uppdatera",
    "What is wrong, the worst first": "Vad som är fel, det värsta först",
    "Show": "Visa",
    "Runbook": "Driftshandboken",
    "and {number} more: see `ei-relay status --all`": "och {number} till: se `ei-relay status --all`",
    "Sources": "Källor",
    "Source": "Källa",
    "Unread": "Olästa",
    "Oldest unread": "Äldsta olästa",
    "In the index": "I indexet",
    "Pending": "Väntar",
    "Oldest pending": "Äldsta väntande",
    "Last success": "Senast godtaget",
    "Rejected within the hour": "Avvisade senaste timmen",
    "Set aside": "Undanlagda",
    "error": "fel",
    "Worth a look": "Värt en titt",
    "The index, read back": "Indexet, avläst",
    "Index": "Index",
    "Compared": "Jämfört",
    "Equal": "Lika",
    "Lost": "Förlorade",
    "Ghosts": "Spökposter",
    "Wrong time": "Fel tid",
    "Unsettled": "På väg",
    "Full lists": "Hela listor",
    "On the list": "På listan",
    "Changed": "Ändrade",
    "Gone": "Borta",
    "Held": "Stoppade",
    "Unreadable rows": "Oläsliga rader",
    "Lane": "Sändkö",
    "State": "Läge",
    "Cause": "Orsak",
    "Since": "Sedan",
    "Calls next": "Nästa anrop",
    "in {time}": "om {time}",
    "There are no lanes yet: they are made when a worker first starts": (
        "Det finns inga sändköer ännu: de skapas när en arbetsprocess startar första gången"
    ),
    "All {number} lanes": "Alla {number} sändköer",
    "Host": "Värd",
    "Last seen": "Senast sedd",
    "at work": "arbetar",
    "gone": "borta",
    "No worker has reported within a day": "Ingen arbetsprocess har hört av sig det senaste dygnet",
    "Certificates and broker": "Certifikat och meddelandekö",
    "What": "Vad",
    "Days left": "Dagar kvar",
    "Ends": "Går ut",
    "No index asks for a certificate": "Inget index kräver certifikat",
    "Broker": "Meddelandekö",
    # ── a booking ──
    "Why is this booking, or is it not, on 1177?": "Varför finns bokningen, eller finns den inte, på 1177?",
    "No booking {id} is known in any outbox or in the relay.": (
        "Ingen bokning {id} är känd, varken i någon utkorg eller i reläet."
    ),
    "See that the id is the booking system's own, and whether that wrote a row: `ei-relay outbox check`.": (
        "Se efter att det är bokningssystemets eget id, och om bokningssystemet har skrivit en rad: "
        "`ei-relay outbox check`."
    ),
    "A row may wait in the outbox of {source}, which cannot be read:": (
        "En rad kan vänta i utkorgen för {source}, som inte går att läsa:"
    ),
    "every": "alla",
    "Search by the booking's id, never by a person's identity: an address is kept in a browser's history.": (
        "Sök på bokningens id, aldrig på ett personnummer: adressen sparas i webbläsarens historik."
    ),
    "Booking {id} of {source}": "Bokning {id} från {source}",
    "It is in the index": "Den finns i indexet",
    "It is in the index, but not as it should be": "Den finns i indexet, men inte som den ska vara",
    "It is not in the index": "Den finns inte i indexet",
    "It is not in the index yet": "Den finns inte i indexet ännu",
    "Nobody can say whether it is in the index": "Det går inte att säga om den finns i indexet",
    "Reason": "Skäl",
    "Changes by": "Ändras senast",
    "Identity": "Identitet",
    "This was written to the access log.": "Detta har skrivits i åtkomstloggen.",
    "none is kept": "ingen är sparad",
    "masked": "maskerad",
    "Show it": "Visa den",
    "Show whose booking it is?": "Visa vems bokningen är?",
    "Your name, the time, the booking and your reason are written to the access log.": (
        "Ditt namn, tidpunkten, bokningen och ditt skäl skrivs i åtkomstloggen."
    ),
    "Cancel": "Avbryt",
    "Only the role support may see an identity.": "Bara rollen support får se en identitet.",
    "What happened": "Vad som har hänt",
    "What stands": "Vad som gäller",
    "The same on a command line": "Detsamma på kommandoraden",
    "Say why: it is written to the access log.": "Ange skäl: det skrivs i åtkomstloggen.",
    # ── lists ──
    "Filter": "Filtrera",
    "Clear": "Rensa",
    "Do": "Åtgärd",
    "There is nothing here": "Här finns ingenting",
    "A part of the posts has been looked through; there may be more on the next page.": (
        "En del av posterna har gåtts igenom; det kan finnas fler på nästa sida."
    ),
    "The outbox of {source} was looked through back to row {row}.": (
        "Utkorgen för {source} har gåtts igenom tillbaka till rad {row}."
    ),
    "Look further back": "Leta längre tillbaka",
    "First page": "Första sidan",
    "Next page": "Nästa sida",
    "On a command line": "På kommandoraden",
    "yes": "ja",
    "no": "nej",
    "Number": "Nummer",
    "Key": "Nyckel",
    "Started": "Började",
    "Seconds": "Sekunder",
    "Verdict": "Utfall",
    "Code": "Kod",
    "Text": "Text",
    "Correlation id": "Korrelations-id",
    "Until": "Till",
    "Care unit": "Vårdenhet",
    "Wanted": "Önskat",
    "Known": "Känt",
    "Waits since": "Väntar sedan",
    "Last sent": "Senast sänt",
    "Failures": "Misslyckade",
    "Row": "Rad",
    "When": "När",
    "Fields": "Fält",
    "Write it as": "Skriv så här",
    "Kind": "Slag",
    "Status": "Status",
    "Held since": "Stoppad sedan",
    "Removed": "Tas bort",
    "Moved": "Flyttas",
    "Created": "Tillkommer",
    "Decided by": "Beslut av",
    "Why": "Varför",
    "Name": "Namn",
    "County": "Län",
    "Connected": "Ansluten",
    "Data controller": "Personuppgiftsansvarig",
    "Selection": "Urval",
    "Who": "Vem",
    "Matched": "Omfattade",
    "Resent": "Sänds om",
    "Waiting": "Återstår",
    "Process": "Process",
    "Version": "Version",
    "Alive": "Lever",
    "Clock difference, ms": "Klockans avvikelse, ms",
    "Other lists": "Andra listor",
    "Command": "Kommando",
    "Subject": "Gäller",
    "Environment": "Miljö",
    "Step": "Steg",
    "By": "Av",
    "Date": "Datum",
    "Evidence, or what is next": "Underlag, eller vad som återstår",
    # ── the kinds of a story's events ──
    "row": "rad",
    "outbox": "utkorg",
    "booking": "bokning",
    "rule": "regel",
    "post": "post",
    "call": "anrop",
    "cause": "orsak",
    # ── states ──
    "lists": "listor",
    "removals": "borttagningar",
    "arrivals": "nya poster",
    "answers": "svarar",
    "open": "öppen",
    "calling": "anropar",
    "resting": "vilar",
    "blocked": "spärrad",
    "paused": "pausad",
    "indexed": "i indexet",
    "absent": "frånvarande",
    "pending": "väntar",
    "parked": "parkerad",
    "discarded": "bortlagd",
    "accepted": "godtaget",
    "content": "innehåll",
    "configuration": "konfiguration",
    "temporary": "tillfälligt",
    "unknown": "okänt",
    "lost": "förlorat",
    "not made": "inte gjort",
    "out": "ute",
    "held": "stoppad",
    "approved": "godkänd",
    "rejected": "avvisad",
    "withdrawn": "återtagen",
    "cancelled": "avbruten",
    "marking": "märker",
    "sending": "sänder",
    "done": "klar",
    "seen": "sett i reläet",
    "said": "uppgett",
    "not applicable": "ej tillämpligt",
    # ── what is done ──
    "pause": "pausa",
    "resume": "återuppta",
    "Pause the lane": "Pausa sändkön",
    "Resume the lane": "Återuppta sändkön",
    "No call is made in this lane until it is resumed. Intake goes on, and every change waits.": (
        "Inget anrop görs i sändkön förrän den återupptas. Inläsningen fortsätter, och alla ändringar väntar."
    ),
    "A paused lane goes on; a blocked one sends a probe at once; a resting one calls as soon as R-35 allows.": (
        "En pausad sändkö fortsätter; en spärrad provar genast; en som vilar anropar så snart R-35 medger."
    ),
    "cancel": "avbryt",
    "Post": "Post",
    "Change": "Ändring",
    "Resend": "Omsändning",
    "Cancel the resend": "Avbryt omsändningen",
    "It marks no more posts, and those of it that have not gone out are not sent again. What went out stays sent.": (
        "Inga fler poster tas med, och de som inte har gått ut sänds inte om. Det som har gått ut förblir sänt."
    ),
    "Send again": "Sänd om",
    "Estimate": "Beräkna",
    "What it means": "Vad det innebär",
    "No post matches.": "Ingen post stämmer med urvalet.",
    "Posts are sent again as they are, behind live changes and at the pace of a mass resend (R-34). Nobody is notified "
    "of what the index has already.": (
        "Poster sänds om som de är, efter löpande ändringar och i massomsändningens takt (R-34). Ingen aviseras om det "
        "som indexet redan har."
    ),
    "That is more than a page begins: use `ei-relay reprocess`, which shows how far it has come.": (
        "Det är mer än vad en sida sätter igång: använd `ei-relay reprocess`, som visar hur långt den har kommit."
    ),
    "retry": "försök igen",
    "discard": "lägg bort",
    "approve": "godkänn",
    "reject": "avvisa",
    "Retry the post": "Försök igen med posten",
    "It is sent again in its turn. If it is still wrong, it is refused and parked again.": (
        "Den sänds igen i tur och ordning. Är den fortfarande fel avvisas och parkeras den på nytt."
    ),
    "Discard the post": "Lägg bort posten",
    "It stays as it is in the index and leaves this list, until its booking changes or its time passes.": (
        "Den blir kvar som den är i indexet och lämnar listan, tills bokningen ändras eller dess tid har gått."
    ),
    "Approve the change": "Godkänn ändringen",
    "What was held is done now, at the pace of a mass resend (R-34): posts are removed, moved and created.": (
        "Det som stoppades görs nu, i samma takt som en massomsändning (R-34): poster tas bort, flyttas och tillkommer."
    ),
    "Reject the change": "Avvisa ändringen",
    "The posts stay as they are, until the bookings or the lists change again.": (
        "Posterna blir kvar som de är, tills bokningarna eller listorna ändras igen."
    ),
    "Say why: it is kept in the audit log.": "Ange skäl: det sparas i åtgärdsloggen.",
    # ── what is refused ──
    "There is no such page.": "Sidan finns inte.",
    "There is nothing here that this can be done to.": "Här finns inget som detta kan göras med.",
    "A list of the source cannot be read: see `ei-relay config check`.": (
        "En av källans listor går inte att läsa: se `ei-relay config check`."
    ),
    "This page cannot be asked for in that way.": "Sidan kan inte anropas på det sättet.",
    "The form is out of date: go back, reload the page and try again.": (
        "Formuläret är för gammalt: gå tillbaka, ladda om sidan och försök igen."
    ),
    "This needs the role {role}.": "Detta kräver rollen {role}.",
    "This address is served under localhost only.": "Adressen svarar bara under localhost.",
    "The console answers only the proxy that signs users in.": (
        "Konsolen svarar bara den proxy som loggar in användare."
    ),
    "Nobody is signed in.": "Ingen är inloggad.",
    "You are signed in, but in no group that may use the console.": (
        "Du är inloggad, men inte med i någon grupp som får använda konsolen."
    ),
    "The relay's database does not answer. See the runbook, EiRelayDatabaseUnreachable.": (
        "Reläets databas svarar inte. Se driftshandboken, EiRelayDatabaseUnreachable."
    ),
    "The page could not be made. The log says why.": "Sidan kunde inte visas. Loggen säger varför.",
}


def say(language: str, text: str, **values: object) -> str:
    """The text in that language, with the values put in. One that the table has not is given as it is."""
    said = _SWEDISH.get(text, text) if language == SWEDISH else text
    return said.format(**values) if values else said


def is_known(text: str) -> bool:
    """Whether the table has the text."""
    return text in _SWEDISH


def language_of(accepted: str) -> str:
    """Swedish or English, as an Accept-Language header asks for; English where it asks for neither."""
    best, weight = ENGLISH, 0.0
    for part in accepted.split(","):
        name, _, said = part.partition(";")
        try:
            quality = float(said.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        language = name.strip().lower().partition("-")[0]
        if language in (SWEDISH, ENGLISH) and quality > weight:
            best, weight = language, quality
    return best
