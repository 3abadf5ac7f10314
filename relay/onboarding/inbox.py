"""The order of inbox messages: a mail from the region to the national administration of 1177's e-services (R-52).

One order for each booking system and environment, with the HSA-id exactly as it stands in sourceSystem. It assures only
what is assured: where something speaks against the order, it says what that is. In Swedish, since it is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from relay.onboarding.letter import Letter, signature
from relay.onboarding.process import IN_SWEDISH
from relay.settings import Region, Source

_BODY: Final = """\
Hej!

Vi beställer att elektroniska kallelser och bokningsbekräftelser till invånarnas inkorg på 1177
slås på för följande bokningssystem.

{systems}{assurance}{signature}"""
_SYSTEM: Final = """\
Miljö:                                        {environment}
Bokningssystemets HSA-id, som i sourceSystem: {hsa_id}
Bokningssystemets namn:                       {title}

"""
_ASSURANCE: Final = """\
Vi har försäkrat oss om att systemet följer anvisningarna för uppdatering av Engagemangsindex.

"""
_NOT_ASSURED: Final = """\
Vi har ännu inte kunnat försäkra oss om:
{points}

"""


def order(environment: str, source: Source, region: Region, not_assured: Sequence[str] = ()) -> Letter:
    """The mail for one booking system. `not_assured`: what the region could not make sure of, in Swedish."""
    place = IN_SWEDISH[environment]
    systems = "".join(
        _SYSTEM.format(environment=place, title=source.title, hsa_id=hsa_id) for hsa_id in source.source_systems
    )
    assurance = ""
    if not_assured:
        assurance = _NOT_ASSURED.format(points="\n".join(f"- {point}" for point in dict.fromkeys(not_assured)))
    elif environment == "production":
        assurance = _ASSURANCE
    body = _BODY.format(systems=systems, assurance=assurance, signature=signature(region))
    return Letter(f"Beställning av elektroniska kallelser och bokningsbekräftelser: {source.title}, {place}", body)
