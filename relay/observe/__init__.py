"""What the relay shows of itself: logs, numbers, health."""
