"""Operator actions: what people do to many posts at once, found out first and then done."""
