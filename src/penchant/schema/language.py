"""The languages that reasons are told in."""

from typing import Literal, get_args

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


def preferred(accepted: str | None) -> Language | None:
    """The language that a browser's Accept-Language asks for most; None where it asks for none of ours.

    >>> preferred("fr, zh-CN;q=0.9, en;q=0.8")
    'zh'
    """
    asked = [_weighed(part) for part in (accepted or "")[:1000].split(",")]
    known = [(weight, language) for weight, language in asked if weight > 0 and language in LANGUAGES]
    return max(known, key=lambda pair: pair[0])[1] if known else None


def _weighed(part: str) -> tuple[float, str]:
    tag, _, weight = part.partition(";")
    try:
        value = float(weight.strip().removeprefix("q=") or 1)
    except ValueError:
        value = 0.0
    return value, tag.strip().lower().partition("-")[0]
