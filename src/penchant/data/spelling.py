"""When two texts are the same but for how they are written."""

import polars as pl

_INVISIBLE = "[\u00ad\u200b-\u200f\u2028-\u202f\u2060\ufeff]"


def stripped(texts: pl.Expr) -> pl.Expr:
    """One Unicode form (NFKC), no invisible characters, single spaces inside and none around. Missing stays missing.

    >>> pl.select(stripped(pl.lit(" Ａda\u200b  L. "))).item()
    'Ada L.'
    """
    visible = texts.str.normalize("NFKC").str.replace_all(_INVISIBLE, "")
    return visible.str.replace_all(r"\s+", " ").str.strip_chars()


def casefolded(texts: pl.Expr) -> pl.Expr:
    """As `stripped`, and in lower case."""
    return stripped(texts).str.to_lowercase()


def commonest(counts: pl.DataFrame) -> pl.DataFrame:
    """The rarer spellings among texts, each with the one to write instead.

    Args:
        counts: `text` (different ones, none missing) and one or more columns to judge by, the weightiest first, larger is better.

    Returns:
        `text` and `better`, for texts that another equals but for case, space and Unicode form.
    """
    judged = [name for name in counts.columns if name != "text"]
    alike = counts.with_columns(casefolded(pl.col("text")).alias("plain")).filter(pl.col("plain").is_duplicated())
    ordered = alike.sort([*judged, "text"], descending=[True] * len(judged) + [False])
    better = ordered.with_columns(pl.col("text").first().over("plain").alias("better"))
    return better.filter(pl.col("text") != pl.col("better")).select("text", "better")
