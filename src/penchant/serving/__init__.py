"""The HTTP face: an engine that answers, a log that remembers, and the rules at the door."""
