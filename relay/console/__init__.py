"""The web page: what the commands show, for whoever does not use a shell. It stands on top of the commands' facts."""
