"""The Engagemangsindex update relay: keeps the index equal to the bookings (see docs/architecture.md)."""

__version__ = "0.3.0"
