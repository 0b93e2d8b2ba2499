"""Words of column names."""

from penchant.data.guess.words import is_expressible


def test_that_only_names_an_expression_can_say_are_expressible() -> None:
    assert [name for name in ("is_like", "short desc", "class", "true", "评分") if is_expressible(name)] == ["is_like", "评分"]
