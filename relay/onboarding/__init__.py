"""Getting connected: what the region's process asks for (R-50 to R-54), written from the configuration and from what
has happened. Pure; what goes to a Swedish authority is in Swedish."""
