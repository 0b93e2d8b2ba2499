"""One loop that fits every network, whatever it is."""
