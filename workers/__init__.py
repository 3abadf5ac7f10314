"""The Celery side: the app, its schedule and its tasks. No logic: the steps are `relay.flow`'s.

celery -A workers worker     any number, on any number of machines
celery -A workers beat       at least one; any number is safe
"""

from workers.app import app

__all__ = ["app"]
