"""Text damaged on its way."""

from penchant.data.defects.text import find
from tests.data.defects.given import events, tables


def test_that_replacement_and_control_characters_and_text_decoded_twice_are_found() -> None:
    titles = ["Am\ufffdlie", "a\x00b", "AmÃ©lie", "donâ€™t", "Amélie", "two\nlines\tand a tab", "中文", "São Paulo", None]
    (defect,) = find(tables(items={"item_id": [str(n) for n in range(len(titles))], "title": titles}))
    assert (defect.column, defect.first_rows) == ("title", (1, 2, 3, 4))


def test_that_the_broken_place_is_shown_and_not_how_the_text_begins() -> None:
    (defect,) = find(tables(events(word=["a" * 100 + "\ufffd" + "b" * 100, "c", "d"])))
    assert defect.examples == (repr("a" * 20 + "\ufffd" + "b" * 20),)
