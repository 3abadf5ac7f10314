"""Schedule: what is to be done now (`due`), how often it is asked, and how much one process takes on."""
