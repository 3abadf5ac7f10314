"""What the relay keeps in English, in its own columns or an outbox's, said in Swedish where a page shows it.

Each is looked for in a text, whatever stands in its places. What a database, the platform or the index said itself is
not here: that is quoted, so that it can be searched for.
"""

from __future__ import annotations

from typing import Final

STORED: Final = {
    # ── why a row is rejected (relay.change, relay.identity, relay.wallclock, relay.batch) ──
    'was "{value}"': 'var "{value}"',
    "is missing, it is required for {kind}": "saknas och krävs för {kind}",
    "is missing, it is required": "saknas och krävs",
    "the database cannot give it out as text, expected what is valid in UTF-8": (
        "databasen kan inte lämna ut det som text; det ska vara giltig UTF-8"
    ),
    "expected upsert or remove": "ska vara upsert eller remove",
    "expected booking or invitation or open_invitation": "ska vara booking, invitation eller open_invitation",
    "expected at most {limit} characters, it has {number}": "får ha högst {limit} tecken men har {number}",
    "expected no control characters": "får inte ha styrtecken",
    "expected no white space at the beginning or end": "får inte börja eller sluta med blanktecken",
    "expected more than blanks": "får inte vara bara blanktecken",
    "expected no characters beyond U+FFFF, such as emoji: the index cannot store them": (
        "får inte ha tecken bortom U+FFFF, som emojier: indexet kan inte lagra dem"
    ),
    "expected one of the source's: {systems}": "ska vara ett av källans: {systems}",
    "expected a whole number of at most 64 bits": "ska vara ett heltal på högst 64 bitar",
    "expected a whole number": "ska vara ett heltal",
    "expected true or false": "ska vara true eller false",
    "expected 1 to 64 visible ASCII characters without white space": (
        "ska vara 1 till 64 synliga ASCII-tecken utan blanktecken"
    ),
    "expected 12 characters, eight digits and then four digits or letters (A-Z, p, t, f); a - or + before the last "
    "four is tolerated": (
        "ska ha 12 tecken, åtta siffror och sedan fyra siffror eller bokstäver (A-Z, p, t, f); ett - eller + före de "
        "fyra sista får finnas"
    ),
    "expected a possible birth date (YYYYMMDD, day + 60 for a samordningsnummer)": (
        "ska ha ett möjligt födelsedatum (ÅÅÅÅMMDD, dag + 60 i ett samordningsnummer)"
    ),
    "expected a right check digit (the last of the twelve)": "ska ha rätt kontrollsiffra (den sista av de tolv)",
    "expected a national reserve number, which begins with 00 or 21 to 98; this is a local one, which the source's "
    "local_identities does not cover": (
        "ska vara ett nationellt reservnummer, som börjar med 00 eller 21 till 98; detta är ett lokalt, som källans "
        "local_identities inte omfattar"
    ),
    "expected a time as YYYY-MM-DD hh:mm:ss, with an offset or without": (
        "ska vara en tid som ÅÅÅÅ-MM-DD tt:mm:ss, med eller utan tidszon"
    ),
    "expected a real date and time as YYYY-MM-DD hh:mm:ss": "ska vara ett riktigt datum med tid, ÅÅÅÅ-MM-DD tt:mm:ss",
    "expected a year of four digits": "ska ha ett årtal med fyra siffror",
    "expected a time that exists: Swedish clocks skip it on the night summer time begins": (
        "ska vara en tid som finns: klockan hoppar över den när sommartiden börjar"
    ),
    "expected a real date as YYYY-MM-DD": "ska vara ett riktigt datum, ÅÅÅÅ-MM-DD",
    "row {row} took it; what that row said is not known any more": (
        "rad {row} använde det; vad den raden sade är inte längre känt"
    ),
    "row {row} took it, and says the same": "rad {row} använde det och säger detsamma",
    "row {row} took it for booking {booking} and says something else; expected an event_id of its own for each "
    "change": (
        "rad {row} använde det för bokning {booking} med annat innehåll; varje ändring ska ha ett eget event_id"
    ),
    # ── why a taken booking is not published (relay.booking) ──
    "not published: the source is retired": "inte publicerad: källan är avvecklad",
    "not published: resident_id is a local reserve identity": (
        "inte publicerad: resident_id är ett lokalt reservnummer"
    ),
    "not published: resident_id is not one of the test identities allowed here": (
        "inte publicerad: resident_id är inte en av de testidentiteter som är tillåtna här"
    ),
    "not published: care_unit is not an active unit": "inte publicerad: care_unit är inte en aktiv enhet",
    "not published: presentable is false": "inte publicerad: presentable är false",
    "not published: its time has passed": "inte publicerad: dess tid har passerat",
    "not published: booking_id or data_controller has characters that the index cannot store": (
        "inte publicerad: booking_id eller data_controller har tecken som indexet inte kan lagra"
    ),
    # ── why a change is held (relay.flow.intake.hold, relay.flow.publishing.follow) ──
    "{gone} posts of {present} would be removed or moved at once, after {within} within the hour; {most} may without "
    "asking": (
        "{gone} av {present} poster skulle tas bort eller flyttas på en gång, efter {within} den senaste timmen; "
        "{most} får utan att någon frågas"
    ),
    "{removed} posts would be removed and {moved} moved, of {present}; {most} may without asking": (
        "{removed} poster skulle tas bort och {moved} flyttas, av {present}; {most} får utan att någon frågas"
    ),
    "a list names nobody any more, as when its file was cut: {goes} of {present} posts would go": (
        "en lista nämner ingen längre, som när dess fil har kapats: {goes} av {present} poster skulle försvinna"
    ),
    "more than {number} new posts within an hour are for one resident, or for one and the same second": (
        "mer än {number} nya poster inom en timme gäller en och samma invånare, eller en och samma sekund"
    ),
    "the lists go back and forth: these stood within the last day, and so did those before": (
        "listorna växlar fram och tillbaka: dessa gällde det senaste dygnet, och det gjorde även de förra"
    ),
    # ── posts that the index cannot tell apart (relay.store.collisions) ──
    "the index cannot tell it from the post of booking {booking} at unit {unit}: the fields of their keys, written one "
    "after the other, are one text; it is sent when that post is gone": (
        "indexet kan inte skilja den från posten för bokning {booking} på enhet {unit}: nycklarnas fält, skrivna efter "
        "varandra, blir samma text; den sänds när den posten är borta"
    ),
    # ── a restored database (relay.flow.intake.restored, relay.flow.actions.recover) ──
    "its outbox has rows that were taken, and this database knows nothing of it: it was restored, or lost its last "
    "transactions; or another relay marks the same table. Nothing is sent of this source until `{command}`": (
        "dess utkorg har rader som är mottagna och som den här databasen inte vet något om: den har återställts eller "
        "tappat sina sista transaktioner, eller så märker ett annat relä samma tabell. Inget sänds från källan förrän "
        "`{command}`"
    ),
    "its outbox has rows that an earlier relay took, or that an earlier database of this one knew: what the index "
    "holds of them is not known here. See `{command}`; with --trust, if it is as it should be": (
        "dess utkorg har rader som ett tidigare relä tog emot, eller som en tidigare databas för det här reläet kände "
        "till: vad indexet har av dem är okänt här. Se `{command}`; med --trust, om allt är som det ska"
    ),
    "it is being recovered: `ei-relay recover` has begun and not ended": (
        "den läses om: `ei-relay recover` har börjat och inte slutat"
    ),
    # ── outboxes and lists (relay.flow.intake.step, relay.outbox.refusals, relay.catalogue) ──
    "the outbox could not be read": "utkorgen gick inte att läsa",
    "the outbox could not be marked": "utkorgen gick inte att märka",
    "the table {table} is not there": "tabellen {table} finns inte",
    "create it with `ei-relay outbox create`, or by hand as `ei-relay outbox ddl` shows, or set outbox_table": (
        "skapa den med `ei-relay outbox create`, eller för hand så som `ei-relay outbox ddl` visar, eller ange "
        "outbox_table"
    ),
    "it lacks the column {columns}": "den saknar kolumnen {columns}",
    "add it as `ei-relay outbox ddl` shows": "lägg till den som `ei-relay outbox ddl` visar",
    "the relay needs SELECT, and UPDATE of relayed_at, outcome and outcome_reason": (
        "reläet behöver SELECT, och UPDATE av relayed_at, outcome och outcome_reason"
    ),
    "permission denied on {table}": "behörighet saknas till {table}",
    "grant it the reader's role; on MySQL and MariaDB a role must be made the user's default role too": (
        "ge det läsarens roll; i MySQL och MariaDB måste rollen också göras till användarens förvalda roll"
    ),
    "the database refuses the relay's user or password": "databasen nekar reläets användare eller lösenord",
    "set the right ones in outbox_url": "sätt rätt uppgifter i outbox_url",
    "the database refuses this user from this host, or its way of logging in": (
        "databasen nekar användaren från den här värden, eller dess sätt att logga in"
    ),
    "the password of the relay's user has expired, or the account is locked": (
        "lösenordet för reläets användare har gått ut, eller så är kontot låst"
    ),
    "the database that outbox_url names is not there": "databasen som outbox_url anger finns inte",
    "set the right name in outbox_url": "sätt rätt namn i outbox_url",
    "the database does not answer": "databasen svarar inte",
    "it is tried again by itself; if it stays, look at server and network": (
        "nya försök görs automatiskt; om felet står kvar, se på server och nätverk"
    ),
    "the database is starting, stopping or recovering": "databasen startar, stannar eller återhämtar sig",
    "it passes by itself": "det går över av sig självt",
    "the database took too long for a statement": "databasen tog för lång tid på sig",
    "it is tried again by itself; look for locks and slow triggers": (
        "nya försök görs automatiskt; leta efter lås och långsamma triggrar"
    ),
    "a lock on {table} was not had in time": "ett lås på {table} gick inte att få i tid",
    "it passes when whoever holds the lock lets it go": "det går över när den som håller låset släpper det",
    "the database takes no more connections": "databasen tar inte emot fler anslutningar",
    "the database has no room left on its disk or in its memory": "databasen har slut på disk eller minne",
    "have an administrator make room": "låt en administratör göra plats",
    "the database is read-only": "databasen är skrivskyddad",
    "it passes when it is the primary again; else let outbox_url name that one": (
        "det går över när den är primär igen; låt annars outbox_url peka på den som är det"
    ),
    "it is tried again by itself": "nya försök görs automatiskt",
    "is no longer in the configuration": "finns inte längre i konfigurationen",
    "cannot be read: No such file or directory": "går inte att läsa: filen finns inte",
    "cannot be read: Permission denied": "går inte att läsa: behörighet saknas",
    "header:": "rubrikraden:",
    "line {line}: expected {number} fields as in the header, found {found}": (
        "rad {line}: ska ha {number} fält som rubrikraden men har {found}"
    ),
    "expected a first line that names the columns, hsa_id among them": (
        "den första raden ska namnge kolumnerna, med hsa_id bland dem"
    ),
    "expected each unit once, this one stands on line {line}": (
        "varje enhet ska stå en gång, denna står även på rad {line}"
    ),
    "expected UTF-8 (in Excel: save as CSV UTF-8)": "ska vara UTF-8 (i Excel: spara som CSV UTF-8)",
    "unknown column {column};": "okänd kolumn {column};",
    # ── what is asked for (relay.flow.actions.selector, relay.console.lists) ──
    "{name}: expected a whole number": "{name}: ska vara ett heltal",
    "state: expected one of {states}": "läge: ska vara ett av {states}",
    "the unit is no HSA-id": "enheten är inget HSA-id",
    'is no time: expected such as {time}, or "2h" for two hours ago': (
        'är ingen tid: skriv till exempel {time}, eller "2h" för två timmar sedan'
    ),
    "nothing is selected: say which posts, by source, unit, booking, state, code or time": (
        "inget är valt: ange vilka poster, efter källa, enhet, bokning, läge, kod eller tid"
    ),
    # ── onboarding (relay.onboarding) ──
    "writes the order; when it is done:": "skriver beställningen; när det är gjort:",
    "writes the mail to send; when it is done:": "skriver mejlet som ska skickas; när det är gjort:",
    "when it is done: `": "när det är gjort: `",
    "when 1177 has confirmed:": "när 1177 har bekräftat:",
    ", then a booking; seen by itself": ", sedan en bokning; ses av sig självt",
    "not confirmed: ": "inte bekräftade: ",
    "{calls} calls since {date}, {accepted} accepted": "{calls} anrop sedan {date}, {accepted} godtagna",
    "{confirmed} of {units} units confirmed": "{confirmed} av {units} enheter bekräftade",
    "{number} units confirmed": "{number} enheter bekräftade",
    "the document was written on {date}; whether it was sent is not seen from here": (
        "dokumentet skrevs {date}; om det skickades syns inte härifrån"
    ),
    "failed on {date}:": "misslyckades {date}:",
    # ── calls ──
    "the worker never came back": "arbetsprocessen kom aldrig tillbaka",
    # ── why a row's post stays as it was (relay.flow.intake.hold) ──
    "held by the surge guard, change {change}: its post stays as it was; see `ei-relay changes show": (
        "stoppad av massändringsspärren, ändring {change}: dess post är kvar som den var; se `ei-relay changes show"
    ),
}
