"""`python -m relay` is `ei-relay`."""

from relay.cli.main import main

main()
