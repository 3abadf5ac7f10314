"""The tasks by their short address, for scripts: the code is `relay.celery_app.tasks`."""

from relay.celery_app.tasks import deliver, intake, look_again, probe, prune, reprocess, tick, units

__all__ = ["deliver", "intake", "look_again", "probe", "prune", "reprocess", "tick", "units"]
