"""The circumstances of a request as a vector."""
