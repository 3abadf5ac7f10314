"""Publishing: the rules by which a source's bookings have posts, followed as the lists change."""
