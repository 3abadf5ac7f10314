"""Intake: from the rows of an outbox to bookings and wanted posts (`step`)."""
