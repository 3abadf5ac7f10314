"""What a site proves on a server of its own: `./run dialect-proof --url URL`."""
