"""The steps of the relay, each a short story: intake, clock, delivery. Celery and `ei-relay run` call the same."""
