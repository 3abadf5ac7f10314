"""The relay's own tables and all SQL that touches them; its whole memory is here."""
