"""The order to connect a booking system to the national service platform (NTjP): contracts, addresses, certificate.

It goes through the region's own channel to the platform's administration, so it has no addressee
(R-51). In Swedish.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from relay.onboarding.letter import FILL_IN, Attachment, Letter, signature
from relay.onboarding.process import IN_SWEDISH
from relay.settings import EngagementIndex, Region, Source

UPDATE: Final = "itintegration:engagementindex Update 1.0"

_BODY: Final = """\
Hej!

Vi beställer anslutning till Nationella tjänsteplattformen (NTjP), {environment}, för bokningssystemet {title}.

Som tjänstekonsument:
  Tjänstekontrakt:                    {update}
  Logisk adress (Engagemangsindex):   {index}
  Konsumentens HSA-id (certifikat):   {subject}
  Källsystemets HSA-id, sourceSystem: {systems}

Som tjänsteproducent av tidbokning (crm:scheduling):
{contracts}
  Logiska adresser: {number} i bilagan {file}

{signature}"""


def order(
    environment: str, source: Source, index: EngagementIndex, region: Region, units: Sequence[str], subject: str | None
) -> Letter:
    """The order for one booking system; `units` are the HSA-ids of its care units, `subject` the certificate's."""
    file = f"logiska-adresser-{environment}.csv"
    contracts = "\n".join(f"  Tjänstekontrakt: {name}" for name in source.contracts)
    body = _BODY.format(
        environment=IN_SWEDISH[environment], title=source.title, update=UPDATE, index=index.logical_address,
        subject=subject or FILL_IN, systems=", ".join(source.source_systems),
        contracts=contracts or f"  Tjänstekontrakt: {FILL_IN}", number=len(units), file=file,
        signature=signature(region),
    )  # fmt: skip
    table = Attachment(file, ("HSA-id",), [(unit,) for unit in units])
    return Letter(f"Beställning: anslutning av {source.title} till NTjP, {IN_SWEDISH[environment]}", body, (table,), "")
