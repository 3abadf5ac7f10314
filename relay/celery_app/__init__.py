"""The Celery side: the app, its schedule and its tasks. No logic: the steps are `relay.flow`'s.

celery -A relay.celery_app worker     any number, on any number of machines
celery -A relay.celery_app beat       at least one; any number is safe

`celery -A workers worker` is the same thing by its short name (see the package `workers`).
"""

from relay.celery_app.app import app

__all__ = ["app"]
