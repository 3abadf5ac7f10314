"""The process: everything in one, its heartbeat, and its end."""
