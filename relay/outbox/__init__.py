"""The outbox: the one table that booking systems write. Its shape, its DDL for each database, its reader."""
