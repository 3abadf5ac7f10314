"""What the contract of Engagemangsindex 1.0 says of names, order, lengths and patterns.

A second reading of the contract, on purpose not shared with the part of the relay that writes messages: what
one of them gets wrong, the other finds.
"""

from __future__ import annotations

import re
from typing import Final

SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
REGISTRY: Final = "urn:riv:itintegration:registry:1"
CORE: Final = "urn:riv:itintegration:engagementindex:1"
UPDATE: Final = "urn:riv:itintegration:engagementindex:UpdateResponder:1"
FIND: Final = "urn:riv:itintegration:engagementindex:FindContentResponder:1"

UPDATE_ACTION: Final = f"{UPDATE}:Update"
UPDATE_PATH: Final = "/Update/1/rivtabp21"
FIND_PATH: Final = "/FindContent/1/rivtabp21"
MOUNT: Final = "/vp/itintegration/engagementindex"
CORRELATION_ID: Final = "x-skltp-correlation-id"
PRODUCER_TIME: Final = "x-skltp-prt"  # milliseconds that the platform waited for the index

NATIONAL_OWNER: Final = "5565594230"
MAX_TRANSACTIONS: Final = 1000

RESIDENT: Final = "registeredResidentIdentification"
CONTENT: Final = "mostRecentContent"
OWNER: Final = "owner"

# The fields of a key in the order of model.Key, with the greatest length (characters) that the index takes.
KEY_FIELDS: Final[dict[str, int]] = {
    RESIDENT: 32,
    "serviceDomain": 255,
    "categorization": 255,
    "logicalAddress": 64,
    "businessObjectInstanceIdentifier": 128,
    "clinicalProcessInterestId": 128,
    "sourceSystem": 64,
    "dataController": 64,
}

# EngagementType: child elements in the one order that is valid, and whether they must be there.
ENGAGEMENT: Final[dict[str, bool]] = {
    RESIDENT: True,
    "serviceDomain": True,
    "categorization": True,
    "logicalAddress": True,
    "businessObjectInstanceIdentifier": True,
    "clinicalProcessInterestId": True,
    CONTENT: False,
    "sourceSystem": True,
    "creationTime": False,
    "updateTime": False,
    "dataController": True,
    OWNER: False,
}
# Valid by the schema, forbidden by the prose: the index lets them pass, the referee does not.
FORBIDDEN: Final = ("creationTime", "updateTime", OWNER)

# FindContentType: the same fields less the two times, only the first two required.
CRITERIA: Final[dict[str, bool]] = {
    name: name in (RESIDENT, "serviceDomain") for name in ENGAGEMENT if name not in ("creationTime", "updateTime")
}

_TIMESTAMP: Final = re.compile(r"[1-9][0-9]{3}(0[1-9]|1[0-2])([0-2][0-9]|3[01])([01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]")
# Fields whose type restricts them, and the rule that is broken by another text.
PATTERNS: Final[dict[str, tuple[re.Pattern[str], str]]] = {
    RESIDENT: (re.compile(r"[0-9]{8}[0-9A-Zptf]{4}"), "R-07"),
    CONTENT: (_TIMESTAMP, "R-05"),
    "creationTime": (_TIMESTAMP, "R-03"),
    "updateTime": (_TIMESTAMP, "R-03"),
}
BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}
