"""What the relay says to people, in English where it is written and in Swedish from tables beside it."""
