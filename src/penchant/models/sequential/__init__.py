"""Models of what comes next, from the order of what came before."""
