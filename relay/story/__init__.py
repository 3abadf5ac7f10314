"""The story of a booking, from its rows to the index, in words: pure, so that a command and a page tell the same."""
