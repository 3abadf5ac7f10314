"""What the relay is made of, and which of it is known to be vulnerable: `./run audit`."""
