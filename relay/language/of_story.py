"""A booking's story in Swedish, by the English messages of `relay.story`.

What stands behind "eftersom" is written so that it is right there and alone: without an adverb that would have to move.
"""

from __future__ import annotations

from typing import Final

STORY: Final = {
    # ── the answer ──
    "It is in the index.": "Den finns i indexet.",
    "It will be in the index by {when}.": "Den kommer att finnas i indexet senast {when}.",
    "It is in the index as it was; as it is now it will be there by {when}.": (
        "Den finns i indexet som den var förut; som den är nu kommer den att finnas där senast {when}."
    ),
    "It is in the index; its older post (care unit {unit}) {when}.": (
        "Den finns i indexet; dess äldre post (vårdenhet {unit}) {when}."
    ),
    "goes by {time}": "försvinner senast {time}",
    "stays, because {because}; {do}": "blir kvar, eftersom {because}; {do}",
    "It is in the index, but not {how}, because {because}; {do}.": (
        "Den finns i indexet, men inte {how}, eftersom {because}; {do}."
    ),
    "as the booking system last wrote it": "som bokningssystemet senast skrev den",
    "as it should be": "som den borde vara",
    "as it is wanted": "som den ska vara",
    "by what is configured now": "enligt det som är konfigurerat nu",
    "It is not in the index, because {because}; {do}.": "Den finns inte i indexet, eftersom {because}; {do}.",
    "It is not in the index, because the outcome of its last call is unknown and {because}; {do}.": (
        "Den finns inte i indexet, eftersom utfallet av det senaste anropet är okänt och {because}; {do}."
    ),
    "It is in the index, though {why}, because {because}; {do}.": (
        "Den finns i indexet, trots att {why}, eftersom {because}; {do}."
    ),
    "It may be in the index, though {why}, because {because}; {do}.": (
        "Den kan finnas i indexet, trots att {why}, eftersom {because}; {do}."
    ),
    "It is still in the index, though {why}, because {because}; {do}.": (
        "Den finns kvar i indexet, trots att {why}, eftersom {because}; {do}."
    ),
    "It may be in the index still, though {why}, because {because}; {do}.": (
        "Den kan finnas kvar i indexet, trots att {why}, eftersom {because}; {do}."
    ),
    "It {still} in the index until {when}: {because}; it should go, because {why}.": (
        "Den {still} i indexet till {when}: {because}; den ska bort, eftersom {why}."
    ),
    "is still": "finns kvar",
    "may still be": "kan finnas kvar",
    "It is in the index{known} and will be gone by {when}, because {why}.": (
        "Den finns i indexet{known} och kommer att vara borta senast {when}, eftersom {why}."
    ),
    ", for all that is known,": ", så vitt man vet,",
    "Nobody can say whether it is in the index, because {because}; {do}.": (
        "Det går inte att säga om den finns i indexet, eftersom {because}; {do}."
    ),
    "Of {number} bookings {there} are in the index: {each}": "Av {number} bokningar finns {there} i indexet: {each}",
    "{booking} of {source}: {answer}": "{booking} från {source}: {answer}",
    "booking {booking} of {source}": "bokning {booking} från {source}",
    # ── times, numbers, contents ──
    "{time}": "kl. {time}",
    "{date} {time}": "{date} kl. {time}",
    "1 second": "1 sekund",
    "{number} seconds": "{number} sekunder",
    "{number} minutes": "{number} minuter",
    "{number} hours": "{number} timmar",
    "{number} days": "{number} dygn",
    " at {time}": " {time}",
    " since {time}": " sedan {time}",
    " for {time}": " sedan {time}",
    " of {time}": " (ändrad {time})",
    "absent": "frånvarande",
    "unknown": "okänt",
    "nothing to do": "inget behöver göras",
    # ── the source and its workers ──
    "no worker has looked at this source for {time}": "ingen arbetsprocess har tittat på källan på {time}",
    "no worker has looked at this source yet": "ingen arbetsprocess har tittat på källan ännu",
    "start the workers and their beat (`ei-relay workers list`, `ei-relay status`)": (
        "starta arbetsprocesserna och beat (`ei-relay workers list`, `ei-relay status`)"
    ),
    "nothing is sent of the source {source} since {time}, as the relay's database seems to have been restored: {why}": (
        "inget har sänts från källan {source} sedan {time}, då reläets databas tycks ha återställts: {why}"
    ),
    "read again what was lost with `ei-relay recover --source {source}` (docs/runbook.md)": (
        "läs om det som gick förlorat med `ei-relay recover --source {source}` (docs/runbook.md)"
    ),
    "the source {source} is not in the configuration any more": ("källan {source} är borttagen ur konfigurationen"),
    "put it back, or retire it (`ei-relay sources retire`)": (
        "lägg tillbaka den, eller avveckla den (`ei-relay sources retire`)"
    ),
    "the source's list cannot be read: {why}": "källans lista är oläsbar: {why}",
    "the source's list cannot be read, and the list read before stands: {why}": (
        "källans lista är oläsbar och den tidigare gäller så länge: {why}"
    ),
    "correct the list (`ei-relay config check`)": "rätta listan (`ei-relay config check`)",
    "the bookings are being evaluated by the lists as they are now": (
        "bokningarna håller på att bedömas efter listorna som de är nu"
    ),
    "no row of it was taken": "ingen rad om den har tagits emot",
    "no row of it has been taken": "ingen rad om den har tagits emot",
    "no row of it has been taken, and its outbox cannot be read: {why}": (
        "ingen rad om den har tagits emot och utkorgen är oläsbar: {why}"
    ),
    "ask again when it answers": "fråga igen när den svarar",
    "see whether the booking system wrote a row (`ei-relay outbox check`)": (
        "se efter om bokningssystemet har skrivit en rad (`ei-relay outbox check`)"
    ),
    "nothing is known of it": "inget är känt om den",
    "no booking of this resident is known": "ingen bokning för invånaren är känd",
    "; see that the id is the booking system's own, and whether it wrote a row (`ei-relay outbox check`)": (
        "; kontrollera att id:t är bokningssystemets eget, och om det har skrivit en rad (`ei-relay outbox check`)"
    ),
    "; the outbox of {source} was looked through back to row {row}": (
        "; utkorgen för {source} gicks igenom tillbaka till rad {row}"
    ),
    "; a row may wait in the outbox of {source}, which cannot be read: {trouble}": (
        "; en rad kan vänta i utkorgen för {source}, som inte går att läsa: {trouble}"
    ),
    "the outbox could not be read for this story: {trouble}": "utkorgen gick inte att läsa just nu: {trouble}",
    "rows before row {row} were not looked through": "rader före rad {row} har inte gåtts igenom",
    "the workers cannot use the outbox since {since}: {why}": (
        "arbetsprocesserna kan inte använda utkorgen sedan {since}: {why}"
    ),
    # ── the rows ──
    "row {row}": "rad {row}",
    "an earlier row": "en tidigare rad",
    "row {row} was written: {operation}": "rad {row} skrevs: {operation}",
    ", version {version}": ", version {version}",
    "what it said is not in the outbox any more": "vad den sade finns inte kvar i utkorgen",
    "row {row} waits unread": "rad {row} väntar oläst",
    "row {row} waits unread{waits}": "rad {row} väntar oläst{waits}",
    "row {row} waits unread: {why}{since}": "rad {row} väntar oläst{since}: {why}",
    "row {row} waits unread and {because}": "rad {row} väntar oläst och {because}",
    "row {row} waits unread and the source {source} is not in the configuration": (
        "rad {row} väntar oläst och källan {source} saknas i konfigurationen"
    ),
    "put the source back, or move its rows to the outbox of another one": (
        "lägg tillbaka källan, eller flytta dess rader till en annan källas utkorg"
    ),
    "see `ei-relay outbox check --source {source}`": "se `ei-relay outbox check --source {source}`",
    "row {row} ended {outcome}{why}": "rad {row} fick utfallet {outcome}{why}",
    ": it repeats the event_id of {of}": ": den upprepar event_id från {of}",
    ": a later row had been taken": ": en senare rad hade redan tagits emot",
    ": {of}{version} had been taken": ": {of}{version} hade redan tagits emot",
    " with version {version}": " med version {version}",
    "with version {version}": "med version {version}",
    "with version none": "utan version",
    "; each digit is shown as 9, each letter as A": "; varje siffra visas som 9, varje bokstav som A",
    " (each digit shown as 9, each letter as A)": " (varje siffra visas som 9, varje bokstav som A)",
    "{field} is written as {how}": "{field} skrivs som {how}",
    "will be rejected": "kommer att avvisas",
    "was rejected": "avvisades",
    "have the booking system write it again": "låt bokningssystemet skriva den på nytt",
    "have the booking system write it again with {right}": "låt bokningssystemet skriva den på nytt med {right}",
    "row {row} ended as duplicate: its event_id was used by {of}": (
        "rad {row} fick utfallet duplicate: dess event_id användes redan av {of}"
    ),
    "row {row} {verb}: {reason}{masked}": "rad {row} {verb}: {reason}{masked}",
    "row {row}, which is about another booking": "rad {row}, som gäller en annan bokning",
    "have the booking system write it again with an event_id of its own": (
        "låt bokningssystemet skriva den på nytt med ett eget event_id"
    ),
    # ── how columns are written ──
    "upsert or remove": "upsert eller remove",
    "the booking's id, at most 128 characters, no white space around it": (
        "bokningens id, högst 128 tecken, utan blanktecken runt om"
    ),
    "at most 64 characters, another one for each event": "högst 64 tecken, ett nytt för varje händelse",
    "a whole number that grows with each change of the booking": "ett heltal som växer med varje ändring av bokningen",
    "one of the HSA-ids in the source's source_systems, or nothing": (
        "ett av HSA-id:na i källans source_systems, eller inget alls"
    ),
    "a personnummer, samordningsnummer or national reserve number: 12 characters, YYYYMMDDNNNC": (
        "ett personnummer, samordningsnummer eller nationellt reservnummer: 12 tecken, ÅÅÅÅMMDDNNNK"
    ),
    "the care unit's HSA-id, such as SE2321000016-1HZ5": "vårdenhetens HSA-id, till exempel SE2321000016-1HZ5",
    "booking, invitation or open_invitation": "booking, invitation eller open_invitation",
    "Swedish wall-clock time, YYYY-MM-DD hh:mm:ss": "svensk tid, ÅÅÅÅ-MM-DD tt:mm:ss",
    "a date, YYYY-MM-DD": "ett datum, ÅÅÅÅ-MM-DD",
    "true or false": "true eller false",
    "an organisation number or HSA-id, at most 64 characters": "ett organisationsnummer eller HSA-id, högst 64 tecken",
    # ── the booking ──
    "a full list": "en fullständig lista",
    "the booking is removed, as {who} said": "bokningen är borttagen, enligt {who}",
    "the booking is {kind} at care unit {unit}, {said}, presentable {presentable}, as {who} said{version}": (
        "bokningen är {kind} på vårdenhet {unit}, {said}, presentable {presentable}, enligt {who}{version}"
    ),
    "a booking": "en bokning",
    "an invitation": "en kallelse",
    "an open invitation": "en öppen kallelse",
    "it should have a post: it is upcoming (R-20 a), is presentable (b), and its care unit is connected (c)": (
        "den ska ha en post: den ligger framåt i tiden (R-20 a), får visas (b) och vårdenheten är ansluten (c)"
    ),
    "it should have no post: {because}": "den ska inte ha någon post: {because}",
    "it is not on the booking system's full list of bookings": (
        "den inte finns på bokningssystemets fullständiga lista över bokningar"
    ),
    "it was cancelled{row}": "den avbokades{row}",
    " by row {row}": " genom rad {row}",
    " above {version}": " högre än {version}",
    "it was over at {time} and its data have been deleted since": (
        "den var över {time} och dess uppgifter har gallrats sedan dess"
    ),
    "it was cancelled{by}{version}, and row {row} {own} came too late (superseded)": (
        "den avbokades{by}{version} och rad {row} {own} kom för sent (superseded)"
    ),
    "if the booking stands, have the booking system write it again with a version{over}": (
        "låt bokningssystemet skriva den på nytt med en version{over}, om bokningen gäller"
    ),
    "the source {source} is retired{since}": "källan {source} är avvecklad{since}",
    "`ei-relay sources restore {source}` publishes its bookings again": (
        "`ei-relay sources restore {source}` publicerar dess bokningar igen"
    ),
    "resident_id is a local reserve identity, which is never sent (R-07)": (
        "resident_id är ett lokalt reservnummer, och sådana stannar i reläet (R-07)"
    ),
    "have the booking system write it again when the resident has a national identity": (
        "låt bokningssystemet skriva den på nytt när invånaren har en nationell identitet"
    ),
    "its resident is not one of the test identities allowed here{of} (R-55)": (
        "dess invånare saknas bland de testidentiteter som är tillåtna här{of} (R-55)"
    ),
    " ({file}{dated})": ", i {file}{dated}",
    "book for an approved test identity, or add this one to test_residents": (
        "boka för en godkänd testidentitet, eller lägg till denna i test_residents"
    ),
    "its care unit": "utan namn",
    "the care unit {unit} is not connected: it is not in {of} (R-20 c)": (
        "vårdenheten {unit} saknas i {of} och räknas som ej ansluten (R-20 c)"
    ),
    "the care unit {unit} is not connected: {of} says that it is not active (R-20 c)": (
        "vårdenheten {unit} är avstängd i {of} och räknas som ej ansluten (R-20 c)"
    ),
    "set active to true in the list when the unit is connected; workers follow within three minutes": (
        "sätt active till true i listan när enheten är ansluten; arbetsprocesserna följer efter inom tre minuter"
    ),
    "add the unit to the list when it is connected; workers follow within three minutes": (
        "lägg till enheten i listan när den är ansluten; arbetsprocesserna följer efter inom tre minuter"
    ),
    "it is not presentable: presentable is false (R-20 b)": "den är dold: presentable är false (R-20 b)",
    "have the booking system write it with presentable true when it may be shown": (
        "låt bokningssystemet skriva den med presentable true när den får visas"
    ),
    "it has expired: its valid_until passed{at} (R-22)": "den har gått ut: dess valid_until passerades{at} (R-22)",
    "it is past: its start time passed{at} (R-20 a, R-22)": "den har passerat: den började{at} (R-20 a, R-22)",
    "its booking_id or data_controller has characters beyond U+FFFF, which the index loses": (
        "dess booking_id eller data_controller har tecken bortom U+FFFF, som indexet tappar"
    ),
    # ── held by the surge guard ──
    "{what} held by the surge guard, change {change}{decided}: {why}": (
        "{what} stoppad av massändringsspärren, ändring {change}{decided}: {why}"
    ),
    "it is": "den är",
    "the change of the lists is": "ändringen av listorna är",
    ", which was rejected{at}": ", som avvisades{at}",
    ", which was approved{at} and is not done to its end": ", som godkändes{at} men ännu inte är helt genomförd",
    "`ei-relay changes approve {change}` has it followed after all": (
        "`ei-relay changes approve {change}` genomför den ändå"
    ),
    "`ei-relay changes approve {change}` again does what is left": (
        "`ei-relay changes approve {change}` en gång till gör det som återstår"
    ),
    "look at it with `ei-relay changes show {change}` and approve or reject it": (
        "se på den med `ei-relay changes show {change}` och godkänn eller avvisa den"
    ),
    # ── the post ──
    "post {post}{older} (care unit {unit}, lane {lane}) is wanted {wanted} and known {known}": (
        "post {post}{older} (vårdenhet {unit}, sändkö {lane}): önskat {wanted}, känt {known}"
    ),
    " of an older key": " med en äldre nyckel",
    "post {post} waits: ": "post {post} väntar: ",
    "post {post} was discarded by an operator: {answer}": "post {post} lades bort av en operatör: {answer}",
    "post {post} was parked with {answer}": "post {post} parkerades med {answer}",
    "post {post} was refused ({text}) and discarded by an operator{at}": (
        "post {post} nekades ({text}) och lades bort av en operatör{at}"
    ),
    "`ei-relay parked retry {post}` sends it again": "`ei-relay parked retry {post}` sänder den igen",
    "post {post} is parked: the index refused it for its content{at} with {answer}": (
        "post {post} är parkerad: indexet nekade den på grund av innehållet{at} med {answer}"
    ),
    "correct the booking, or send it again with `ei-relay parked retry {post}`": (
        "rätta bokningen, eller sänd den igen med `ei-relay parked retry {post}`"
    ),
    "post {post} is kept back: {text}": "post {post} hålls tillbaka: {text}",
    "have the booking system give one of the two another booking_id, or nothing: it is sent when the other is gone": (
        "låt bokningssystemet ge en av de två ett annat booking_id, eller gör inget: den sänds när den andra är borta"
    ),
    "the source {source} was recovered, and what was sent last before is not known (R-32)": (
        "källan {source} har just lästs om och det är okänt vad som sändes sist (R-32)"
    ),
    "a lone delete waits for another post to go with": (
        "en ensam borttagning väntar på att sändas ihop med en annan post"
    ),
    "the lane {lane} is not in the configuration any more": "sändkön {lane} är borttagen ur konfigurationen",
    "put the index {index} back until nothing is wanted of its posts": (
        "lägg tillbaka indexet {index} tills inget återstår av dess poster"
    ),
    "the lane {lane} is paused by a command (`ei-relay audit list` says why)": (
        "sändkön {lane} är pausad av en operatör (`ei-relay audit list` säger varför)"
    ),
    "`ei-relay lanes resume {lane}` when it may call again": (
        "återuppta den med `ei-relay lanes resume {lane}` när den får anropa igen"
    ),
    "the lane {lane} is blocked{since} by {answer}{probe}": "sändkön {lane} är spärrad{since} av {answer}{probe}",
    "; next probe {time}": "; nästa provanrop {time}",
    "mend what {code} says (docs/runbook.md), then `ei-relay lanes resume {lane}`": (
        "åtgärda det som {code} säger (docs/runbook.md), sedan `ei-relay lanes resume {lane}`"
    ),
    "a call that carries it has been out since {time}": "ett anrop med den är ute sedan {time}",
    "the worker of the call that carried it at {time} never came back; it is sent again": (
        "arbetsprocessen som anropade med den {time} försvann; den sänds igen"
    ),
    "the lane {lane} rests after {calls} that failed{said}; the next call is at {time} (R-35)": (
        "sändkön {lane} vilar efter {calls} utan resultat{said}; nästa anrop går {time} (R-35)"
    ),
    "{number} calls": "{number} anrop",
    "a call": "ett anrop",
    " ({text})": " ({text})",
    "see whether the index can be reached: `ei-relay config check --connect`; the relay goes on by itself": (
        "se om indexet kan nås: `ei-relay config check --connect`; reläet fortsätter av sig självt"
    ),
    "wait for that call; if it fails too, ask the platform with the correlation id of the call": (
        "vänta på det anropet; misslyckas även det, fråga plattformen och ange anropets korrelations-id"
    ),
    "the index {index} does not take calls: {number} lanes have failed since it last did, and one at a time asks "
    "after it (R-35)": (
        "indexet {index} är borta: {number} sändköer har misslyckats sedan det senast tog emot ett anrop, och en i "
        "taget prövar (R-35)"
    ),
    "ask the platform; the relay goes on by itself when the index answers": (
        "fråga plattformen; reläet fortsätter av sig självt när indexet svarar"
    ),
    "it may be sent at {allowed}: the key was sent at {sent} (R-32)": (
        "den får sändas {allowed}: nyckeln sändes {sent} (R-32)"
    ),
    "nobody can say what became of its last call ({code}); {may}": (
        "det är okänt vad som blev av det senaste anropet ({code}); {may}"
    ),
    "a call that carried it with others was refused, and the relay is finding out which of them was meant": (
        "ett anrop med den och andra nekades, och reläet letar upp vilken av dem det gällde"
    ),
    "it is sent in bulk{run}, behind live changes, with {number} posts before it (R-34)": (
        "den sänds i en massomsändning{run}, efter löpande ändringar, med {number} poster före sig (R-34)"
    ),
    " of run {run}": " (omsändning {run})",
    "it is sent in its turn{before}": "den sänds när dess tur kommer{before}",
    ", with {number} posts before it": ", med {number} poster före sig",
    "post {post} was {done} in a call of its own, which the index may lose; it is sent again with others, or once more "
    "alone where there are none": (
        "post {post} {done} i ett eget anrop, som indexet kan tappa; den sänds en gång till, tillsammans med andra "
        "eller ensam om det inte finns några"
    ),
    "deleted": "togs bort",
    "sent": "sändes",
    # ── the calls ──
    "call {call} carried post {keys} ({number} in all): {ended} (correlation id {correlation_id})": (
        "anrop {call} sände post {keys} (av {number} i anropet): {ended} (korrelations-id {correlation_id})"
    ),
    "no answer yet": "inget svar ännu",
    "accepted": "godtaget",
    "content": "nekat på grund av innehållet",
    "configuration": "nekat på grund av konfigurationen",
    "temporary": "tillfälligt fel",
    "lost": "förlorat",
    "not made": "inte gjort",
    " (until about {time})": " (till omkring {time})",
}
