"""The page's icon, so that a browser does not ask for one that is not there."""

from __future__ import annotations

from typing import Final

ICON: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#0b57a4"/>'
    '<path d="M3 8h7M7 4l4 4-4 4M13 4v8" fill="none" stroke="#fff" stroke-width="2"/></svg>'
)
