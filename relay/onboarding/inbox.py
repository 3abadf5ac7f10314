"""The order of inbox messages: a mail from the region to the national administration of 1177's e-services (R-52).

The HSA-id stands in it exactly as it stands in sourceSystem. In Swedish, since it is sent.
"""

from __future__ import annotations

from typing import Final, Literal

from relay.settings import Source

ENVIRONMENTS: Final = {"qa": "QA", "production": "Produktion"}

_MAIL: Final = """\
Ämne: Beställning av inkorgsmeddelanden för {title} ({environment})

Hej!

Vi beställer att meddelanden till invånarnas inkorg på 1177 (elektroniska kallelser och bokningsbekräftelser)
slås på för följande bokningssystem.

{systems}{assurance}
Med vänlig hälsning
"""
_SYSTEM: Final = """\
Miljö:                                        {environment}
Bokningssystemets HSA-id, som i sourceSystem: {hsa_id}
Bokningssystemets namn:                       {title}

"""
_ASSURANCE: Final = """\
Vi har försäkrat oss om att systemet uppdaterar Engagemangsindex enligt reglerna för tjänstekontraktet.

"""


def mail(environment: Literal["qa", "production"], source: Source) -> str:
    """The mail for one booking system, its subject first."""
    said = {"environment": ENVIRONMENTS[environment], "title": source.title}
    systems = "".join(_SYSTEM.format(**said, hsa_id=hsa_id) for hsa_id in source.source_systems)
    return _MAIL.format(**said, systems=systems, assurance=_ASSURANCE if environment == "production" else "")
