"""The tasks by their short address, for scripts: the code is `relay.celery_app.tasks`."""

from relay.celery_app.tasks import deliver, full_lists, intake, look_again, probe, prune, reprocess, tick, units

__all__ = ["deliver", "full_lists", "intake", "look_again", "probe", "prune", "reprocess", "tick", "units"]
