"""Texts cut to a length for people."""

from unicodedata import east_asian_width


def shortened(text: str, most: int) -> str:
    """A text of at most so many characters; where it was cut stands "…", and a text in quotes keeps the second one.

    >>> shortened("abc", 3), shortened("abcdef", 4), shortened("'abcdef'", 6)
    ('abc', 'abc…', "'abc…'")
    """
    if len(text) <= most:
        return text
    quote = text[0] if text[0] in "'\"" and text[-1] == text[0] else ""
    return text[: most - 1 - len(quote)].rstrip() + "…" + quote


def fitted(text: str, columns: float) -> str:
    """A text of at most so many columns, of which Chinese, Japanese and Korean characters take two; where it was cut stands "…".

    >>> fitted("rain", 4), fitted("rainy", 4), fitted("下雨天气", 8), fitted("下雨天气", 7)
    ('rain', 'rai…', '下雨天气', '下雨天…')
    """
    wide = [1 + (east_asian_width(character) in "WF") for character in text]
    if sum(wide) <= columns:
        return text
    room, kept = columns - 1, 0
    while kept < len(text) and room >= wide[kept]:
        room -= wide[kept]
        kept += 1
    return text[:kept].rstrip() + "…"
