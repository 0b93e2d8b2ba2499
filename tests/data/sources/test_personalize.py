"""Amazon Personalize's tables."""

from pathlib import Path

from tests.data.sources.given import read


def test_that_interactions_have_the_canonical_names_and_impressions_are_lists(tmp_path: Path) -> None:
    text = "USER_ID,ITEM_ID,EVENT_TYPE,EVENT_VALUE,IMPRESSION,DEVICE,TIMESTAMP\n"
    text += "035,73,click,1.5,73|70|17,a | b,881250949\n1,7,buy,,7,,891717742\n"
    table = read(tmp_path, "interactions.csv", text)
    assert table.frame.columns == ["user_id", "item_id", "event", "value", "IMPRESSION", "DEVICE", "timestamp"]
    assert table.frame.rows() == [
        ("035", "73", "click", 1.5, ["73", "70", "17"], "a | b", 881_250_949.0), ("1", "7", "buy", None, ["7"], None, 891_717_742.0),
    ]  # fmt: skip
    assert table.notes[-1] == "file 'interactions.csv': 'IMPRESSION' read as lists separated by '|'"


def test_that_categories_of_items_are_lists_and_prose_is_not(tmp_path: Path) -> None:
    text = 'ITEM_ID,GENRES,DESCRIPTION,PRICE\n1,Action|Sci-Fi,"Robots | and more",3\n2,Drama,,4.5\n3,,x,\n'
    items = read(tmp_path, "items.csv", text, "items").frame
    assert items.rows() == [("1", ["Action", "Sci-Fi"], "Robots | and more", 3.0), ("2", ["Drama"], None, 4.5), ("3", None, "x", None)]


def test_that_names_in_small_letters_are_another_format(tmp_path: Path) -> None:
    assert read(tmp_path, "a.csv", "ITEM_ID,genres\n1,a|b\n", "items").frame.rows() == [("1", "a|b")]
