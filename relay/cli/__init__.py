"""The commands of `ei-relay`: thin, each in terms of the modules beside it."""
