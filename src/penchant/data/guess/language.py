"""Whether texts are English, for the choice of a language model."""

import polars as pl

from penchant.data.averages import mean

_LOOKED_AT = 1000
_FOREIGN_LETTERS = 0.03
"""Share of letters beyond a to z above which texts are not English; names and loan words bring fewer."""
_ENGLISH = r"\b(the|and|of|to|is|with|for|his|her|from|that|on)\b"
_OTHERS = (
    r"\b(der|die|und|das|ist|mit|les|des|est|une|pour|dans|los|las|del|que|con|para|una|il|che|di|per|het|een|och|att|som|nie|jest|dan)\b"
)


def is_english(texts: pl.Series) -> bool:
    """Whether the first texts look English: few foreign letters, and no more small words of other languages than English ones.

    >>> is_english(pl.Series(["The man and the sea"])), is_english(pl.Series(["Der Mann und das Meer"])), is_english(pl.Series(["很好看"]))
    (True, False, False)
    """
    looked_at = texts.drop_nulls().head(_LOOKED_AT).str.to_lowercase()
    letters = mean(looked_at.str.count_matches(r"\p{L}"))
    foreign = letters - mean(looked_at.str.count_matches("[a-z]"))
    if foreign > _FOREIGN_LETTERS * letters:
        return False
    english, others = (mean(looked_at.str.count_matches(found)) for found in (_ENGLISH, _OTHERS))
    return english >= others
