"""Ways of asking models how good they are; one file per way, each of which tells itself in words."""
