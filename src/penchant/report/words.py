"""Texts cut to a length for people."""


def shortened(text: str, most: int) -> str:
    """A text of at most so many characters; where it was cut stands "…", and a text in quotes keeps the second one.

    >>> shortened("abc", 3), shortened("abcdef", 4), shortened("'abcdef'", 6)
    ('abc', 'abc…', "'abc…'")
    """
    if len(text) <= most:
        return text
    quote = text[0] if text[0] in "'\"" and text[-1] == text[0] else ""
    return text[: most - 1 - len(quote)].rstrip() + "…" + quote
