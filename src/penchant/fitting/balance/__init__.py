"""How the losses of several tasks become one step; one kind per file, chosen by `training.balance`."""
