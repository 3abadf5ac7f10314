"""The short name of ei-relay's Celery app, so that `celery -A workers worker` and `celery -A workers beat` start it.

This package belongs to the distribution `ei-relay`, and is nothing but a name: the code is `relay.celery_app`.
`workers` is a name that others use too. Where a package or a folder of that name comes first on the path, it is what
`-A workers` starts; `celery -A relay.celery_app worker` is the same app by a name that nobody else has.
"""

from relay.celery_app import app

__all__ = ["app"]
