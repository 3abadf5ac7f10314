"""Who plays in the demo: booking systems, their care units, and residents. All are made up.

Three systems have a part in every scene; up to 47 more, small clinics, bring ordinary traffic.

The residents have birth dates that nobody believes (the first of January 1901, the second of February 1902, …),
serial numbers from the range that is kept for tests, and right check digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ORGANISATION: Final = "SE232100-0016"


@dataclass(frozen=True, slots=True)
class Unit:
    """A care unit as the demo's systems know it."""

    hsa_id: str
    name: str
    connected: bool = True
    data_controller: str = ""  # empty: the system's


@dataclass(frozen=True, slots=True)
class System:
    """A booking system with an outbox of its own. `short` begins its booking ids; `lower_case`: it spells HSA-ids so,
    which must not matter.
    """

    name: str
    title: str
    short: str
    hsa_id: str
    units: tuple[Unit, ...]
    lower_case: bool = False

    def spelled(self, unit: Unit) -> str:
        """The unit's HSA-id as this system writes it."""
        return unit.hsa_id.lower() if self.lower_case else unit.hsa_id

    def connected(self) -> tuple[Unit, ...]:
        """The units that notify the index."""
        return tuple(unit for unit in self.units if unit.connected)


NORD: Final = System(
    "tidbok-nord",
    "Tidbok Nord",
    "T",
    "SE2321000016-84GX",
    (
        Unit("SE2321000016-1HZ3", "Vårdcentralen Åsen"),
        Unit("SE2321000016-1HZ4", "Vårdcentralen Ängby"),
        Unit("SE2321000016-1HZ5", "Barnmorskan Sjövik"),
        Unit("SE2321000016-1HZ6", "Vårdcentralen Östra", connected=False),
    ),
)
TAND: Final = System(
    "munvard",
    "Munvård Direkt",
    "M",
    "SE2321000016-91KD",
    (
        Unit("SE2321000016-3TB1", "Tandkliniken Björken", data_controller="SE556677-8899"),
        Unit("SE2321000016-3TB2", "Tandkliniken Forsen"),
        Unit("SE2321000016-3TB3", "Tandhygien Söder"),
    ),
    lower_case=True,
)
SCREEN: Final = System(
    "kallelser",
    "Kallelser",
    "K",
    "SE2321000016-77SC",
    (
        Unit("SE2321000016-5MG1", "Mammografi City"),
        Unit("SE2321000016-5MG2", "Mammografi Väst"),
        Unit("SE2321000016-5GC1", "Gynprov Centrum"),
    ),
)
_PLACES: Final = (
    "Alnö", "Backa", "Dalby", "Ekerö", "Frövi", "Grums", "Hemse", "Insjön", "Jonsered", "Kosta", "Lidhult", "Mora",
    "Norsjö", "Olofström", "Piteå", "Ramsele", "Sandared", "Torsby", "Unnaryd", "Vikbo", "Ysby", "Åmål", "Älmhult",
    "Ödeshög", "Arvika", "Bjurholm", "Degerfors", "Emmaboda", "Färgelanda", "Gällivare", "Hofors", "Idre", "Järpen",
    "Klippan", "Leksand", "Malung", "Nora", "Ockelbo", "Perstorp", "Ronneby", "Sveg", "Tibro", "Uvered", "Vansbro",
    "Yxnerum", "Åre", "Ängelsberg",
)  # fmt: skip
_ASCII: Final = str.maketrans("ÅÄÖåäö", "AAOaao")


def _clinic(number: int, place: str) -> System:
    units = (
        Unit(f"SE2321000016-{number:02}C1", f"Rehab {place}"),
        Unit(f"SE2321000016-{number:02}C2", f"Fotvården {place}"),
        Unit(f"SE2321000016-{number:02}C3", f"Ögonkliniken {place}", connected=False),
    )
    plain = place.translate(_ASCII)
    return System(
        f"klinik-{plain.lower()}", f"Klinik {place}", plain[:4], f"SE2321000016-{number:02}KS", units, number % 3 == 0
    )


SYSTEMS: Final = (NORD, TAND, SCREEN, *(_clinic(number, place) for number, place in enumerate(_PLACES, 4)))
LEADING: Final = 3  # of them have scenes of their own, so a cast has no fewer

LOCAL_RESERVE_ID: Final = "LR-000417"  # known inside one system only; such identities are never sent
TOLVAN: Final = "191212121212"  # the official test identity that everybody knows


def check_digit(nine_digits: str) -> str:
    """The digit that completes YYMMDDNNN."""
    total = sum(sum(divmod(int(digit) * (2 - place % 2), 10)) for place, digit in enumerate(nine_digits))
    return str(-total % 10)


def residents(number: int) -> list[str]:
    """So many made-up identities, at most 240; the same at every run."""
    dates = [f"19{n:02}{n:02}{n:02}" for n in range(1, 13)]
    bodies = [date + str(serial) for serial in range(980, 1000) for date in dates]
    return [body + check_digit(body[2:]) for body in bodies[:number]]


def care_units_csv(system: System) -> str:
    """The system's list of care units, as a region keeps it for the relay."""
    lines = [
        f"{unit.hsa_id},{unit.name},Exempel län,{str(unit.connected).lower()},{unit.data_controller}"
        for unit in system.units
    ]
    return "\n".join(["hsa_id,name,county,active,data_controller", *lines]) + "\n"


COORDINATION_NUMBER: Final = "19010161980" + check_digit("010161980")  # the day of birth + 60
