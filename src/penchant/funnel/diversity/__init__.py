"""Ways of making a list various. Each takes relevances from 0 to 1 and gives places of candidates, the first item first.

All are greedy: the list of n is the beginning of the list of n + 1.
"""
