"""Maintenance: what the relay looks at and tidies by itself, about hourly or nightly."""
