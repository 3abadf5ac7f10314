"""The broker, Redis or Valkey: how it is reached, and what may come from it."""
