"""Figures and health over HTTP, for Prometheus: read from the databases in the background, never by a scrape."""
