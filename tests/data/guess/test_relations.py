"""Tables of relations: who knows whom, what goes with what."""

import polars as pl
import pytest

from penchant.data.guess.relations import Relation, relation_of

USERS, ITEMS = pl.Series([f"u{n}" for n in range(9)]), pl.Series([f"i{n}" for n in range(9)])
NUMBERS = pl.Series([str(n) for n in range(9)])


def table(first: str, second: str, a: str = "u", b: str = "u", **more: list[float]) -> pl.DataFrame:
    return pl.DataFrame({first: [f"{a}{n}" for n in range(4)], second: [f"{b}{n + 1}" for n in range(4)], **more})


@pytest.mark.parametrize(
    ("name", "frame", "wanted"),
    [
        ("friends.csv", table("user_id", "other"), Relation("user", ("user_id", "other"), None)),
        ("x.csv", table("source", "target", "i", "i"), Relation("item", ("source", "target"), None)),
        ("trust.csv", table("from", "to", weight=[1.0, 2.0, 3.0, 0.5]), Relation("user", ("from", "to"), "weight")),
        ("trust.csv", table("from", "to", weight=[1.0, 2.0, 3.0, 0.0]), Relation("user", ("from", "to"), None)),
        (
            "also.csv",
            table("item_id", "also_bought", "i", "i", score=[0.1, 0.2, 0.3, 0.4]),
            Relation("item", ("item_id", "also_bought"), None),
        ),
        ("x.csv", table("one", "two"), None),
        ("friends.csv", table("user_id", "item_id", "u", "i"), None),
        ("friends.csv", table("user_id", "friend_id", "x", "x"), None),
        ("friends.csv", pl.DataFrame({"user_id": ["u1"]}), None),
        ("friends.csv", pl.DataFrame({"user_id": ["u1"], "friends": [["u2"]]}), None),
    ],
)
def test_that_a_table_relates_ids_of_one_kind(name: str, frame: pl.DataFrame, wanted: Relation | None) -> None:
    assert relation_of(name, frame, USERS, ITEMS) == wanted


@pytest.mark.parametrize(("name", "owner"), [("friends.csv", "user"), ("similar.csv", "item"), ("edges.csv", "item")])
def test_that_names_decide_where_numbers_could_be_either(name: str, owner: str) -> None:
    found = relation_of(name, table("a", "b", "", ""), NUMBERS, NUMBERS)
    assert found is not None
    assert found.owner == owner


def test_that_the_recipe_names_ends_and_weight() -> None:
    keys = Relation("user", ("from", "to"), "weight").feature("trust.csv", None)
    assert keys == {"kind": "graph", "column": "user_id", "edges": {"path": "trust.csv", "from": "from", "to": "to", "weight": "weight"}}
