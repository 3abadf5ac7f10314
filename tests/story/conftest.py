"""Worlds in which a booking is asked for, and the real clock back afterwards."""

from tests.simulation.conftest import new_world

__all__ = ["new_world"]
