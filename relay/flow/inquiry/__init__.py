"""Inquiry: gathers what the story of one booking is told from (`relay.story`)."""
