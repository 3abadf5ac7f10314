"""Delivery: one call for one lane (`step`), what it carries, and what its answer means."""
