"""What commands print and the page shows: facts by name, a health summary, what is wrong, what a resend would mean."""
