"""TOML text."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from penchant.data.guess.toml import key, toml

texts = st.text(st.characters(codec="utf-8"))


@given(st.dictionaries(texts, st.one_of(texts, st.integers(-(2**60), 2**60), st.booleans(), st.lists(texts))))
def test_that_any_names_and_values_come_back(values: dict[str, object]) -> None:
    text = "\n".join(f"{key(name)} = {toml(value)}" for name, value in values.items())
    assert tomllib.loads(text) == values
    assert tomllib.loads(f"inline = {toml(values)}") == {"inline": values}
