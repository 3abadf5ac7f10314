"""What all that is measured says of itself, relay and peers alike. Imports nothing: peers have other environments."""

from __future__ import annotations

from typing import Final

SOURCE_SYSTEM: Final = "SE2321000016-84GX"
LOGICAL_ADDRESS: Final = "5565594230"
DATA_CONTROLLER: Final = "SE232100-0016"
