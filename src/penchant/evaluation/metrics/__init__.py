"""One file per metric or tight family.

Ranking metrics take the hits of every user's list and return one value per user. Row metrics take labels and
scores and return one number; they also bind to rows (`of_units`), so that an interval can weigh users anew.
"""
