"""The Celery side: the app, its schedule and its tasks."""
