"""What peers are made of, pinned: a figure is of these versions."""

from __future__ import annotations

from typing import Final

_COMMON: Final = ("psycopg[binary]==3.3.9", "zeep==4.3.3", "lxml==6.1.3")
REQUIREMENTS: Final = {
    "procrastinate": ("procrastinate==3.10.0", *_COMMON),
    "faststream": ("faststream[redis]==0.7.8", "redis==8.1.0", *_COMMON),
}
