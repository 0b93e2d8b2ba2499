"""Recipes are read whole or refused with a sentence that helps."""

from pathlib import Path
from typing import Literal, Self

import pytest
from pydantic import Field, model_validator

from penchant.schema.errors import RecipeError, did_you_mean
from penchant.schema.kinds import choose
from penchant.schema.recipe import Recipe
from penchant.schema.sections.features import FeaturePart
from penchant.schema.sections.part import Part
from penchant.schema.settings import Settings, read_settings

BASE = '[data.events]\npath = "a.csv"\n[tasks.click]\nkind = "binary"\nlabel = "is_click"\n'


def refusal(text: str) -> RecipeError:
    with pytest.raises(RecipeError) as caught:
        Recipe.parse(text)
    error = caught.value
    assert all((error.thing, error.must, error.came, error.do))
    assert str(error) == f"{error.thing} must be {error.must}; found {error.came}. {error.do}"
    return error


def test_that_a_small_recipe_reads_with_its_defaults() -> None:
    recipe = Recipe.parse(BASE)
    assert recipe.tasks["click"].label == "is_click"
    assert recipe.features.item == {"item_id": FeaturePart(kind="category")}
    assert (recipe.split.kind, recipe.history.length, recipe.training.seed) == ("time", 50, 0)
    assert recipe.retrieval_task is None
    assert recipe.rank_by == {"click": 1.0}


def test_that_a_recipe_is_ranked_by_retrieval_unless_it_says_otherwise() -> None:
    both = BASE + '[tasks.next]\nkind = "next_item"\n'
    assert Recipe.parse(both).retrieval_task == "next"
    assert Recipe.parse(both).rank_by == {"next": 1.0}
    assert Recipe.parse(both + "[serving]\nrank_by = { click = 2, next = 0.5 }").rank_by == {"click": 2.0, "next": 0.5}


def test_that_a_parts_own_keys_are_kept_for_the_part() -> None:
    recipe = Recipe.parse(BASE + '[features]\nitem.year = { kind = "number", column = "released", logarithm = true }')
    part = recipe.features.item["year"]
    assert part.reads("year") == ("released",)
    assert part.settings == {"logarithm": True}


@pytest.mark.parametrize(
    ("lines", "key", "do"),
    [
        ("[nework]\nwidth = 8", "nework", "Did you mean 'network'?"),
        ("[network]\nwdth = 8", "network.wdth", "Did you mean 'width'?"),
        ('[data.clean]\nmissing_id = "drop"', "data.clean.missing_id", "Did you mean 'missing_ids'?"),
        ("[features.items]\n", "features.items", "Did you mean 'item'?"),
        ("[history]\nlenght = 3", "history.lenght", "Did you mean 'length'?"),
    ],
)
def test_that_an_unknown_key_is_named_with_the_nearest_known_one(lines: str, key: str, do: str) -> None:
    error = refusal(BASE + lines)
    assert (error.thing, error.must, error.do) == (f"recipe, key '{key}'", "one of the known keys", do)


@pytest.mark.parametrize("events", ['{ pth = "a.csv" }', '[{ path = "a.csv" }, { pth = "b.csv" }]'])
def test_that_a_misspelt_key_is_named_before_the_missing_one_it_causes(events: str) -> None:
    error = refusal(f'data.events = {events}\ntasks.click = {{ kind = "binary" }}')
    place = "data.events.1.pth" if events.startswith("[") else "data.events.pth"
    assert error.thing == f"recipe, key '{place}'"
    assert error.came == "an unknown key (one more fault follows)"
    assert error.do == "Did you mean 'path'?"


def test_that_a_misspelt_kind_is_found_though_a_part_may_have_keys_of_its_own() -> None:
    error = refusal(BASE + '[features]\nitem.year = { knd = "number" }')
    assert str(error) == "recipe, key 'features.item.year.kind' must be present; found nothing. Did you misspell it as 'knd'?"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "recipe, key 'data' must be present; found nothing (one more fault follows). Add it to the recipe."),
        ('[data.events]\npath = "a"\n[tasks]', "recipe, key 'tasks' must be given at least once; found none. Add one to the recipe."),
        (BASE + "[training]\nepochs = 0", "recipe, key 'training.epochs' must be greater than or equal to 1; found 0. …"),
        (BASE + '[training]\nepochs = "many"', "recipe, key 'training.epochs' must be a valid integer; found 'many'. …"),
        (BASE + "[training]\nlearning_rate = nan", "recipe, key 'training.learning_rate' must be a finite number; found nan. …"),
        (
            BASE + '[split]\nkind = "lst"',
            "recipe, key 'split.kind' must be 'time', 'last', 'ratio', 'cold_user', 'cold_item' or 'cold_both'; found 'lst'. …",
        ),
        (BASE + '[network]\nitem = "content"', "recipe, key 'network.item' must be a table of keys; found 'content'. …"),
        ('data.events = "a.csv"\n[tasks.c]\nkind = "binary"', "recipe, key 'data.events' must be a table of keys; found 'a.csv'. …"),
    ],
)  # fmt: skip
def test_that_a_value_of_the_wrong_kind_is_answered_in_one_sentence(text: str, sentence: str) -> None:
    assert str(refusal(text)) == sentence.replace("…", "Change it in the recipe.")


@pytest.mark.parametrize(
    ("lines", "thing", "found"),
    [
        ("[split]\nvalid = 0.6\ntest = 0.6", "key 'split'", "0.6 + 0.6"),
        ('[split]\ntest_from = "2022-01-01"', "key 'split'", "only test_from"),
        ('[split]\nvalid_from = "2022-01-01"', "key 'split'", "only valid_from"),
        ('[split]\nkind = "last"\nvalid_from = "2022-01-01"\ntest_from = "2022-02-01"', "key 'split'", "valid_from = '2022-01-01'"),
        ("[serving]\nrank_by = { clik = 1 }", "recipe", "'clik', which is not in [tasks]"),
        ('[tasks.a]\nkind = "next_item"\n[tasks.b]\nkind = "next_item"', "key 'tasks'", "2 such tasks: a, b"),
    ],
)
def test_that_values_that_contradict_each_other_are_named(lines: str, thing: str, found: str) -> None:
    error = refusal(BASE + lines)
    assert error.thing.endswith(thing)
    assert error.came == found
    assert "settings that contradict" not in str(error)


@pytest.mark.parametrize(("name", "do"), [("a.b", "a_b"), ("", "click")])
def test_that_a_task_has_a_name_without_dots(name: str, do: str) -> None:
    error = refusal(f'[data.events]\npath = "a.csv"\n[tasks."{name}"]\nkind = "binary"\nlabel = "is_click"\n')
    assert str(error) == f"recipe, key 'tasks' must be of names without dots; found '{name}'. For example '{do}'."


def test_that_a_condition_that_does_not_parse_is_named_with_its_key() -> None:
    error = refusal(BASE + 'only_where = "rating >="')
    assert error.thing == "recipe, key 'tasks.click.only_where'"
    assert error.came == "'rating >=', with text that does not parse"
    assert "rating >= 4" in error.do


def test_that_text_that_is_no_toml_is_said_to_be_so() -> None:
    assert refusal("x =").must == "TOML"


def test_that_a_recipe_file_must_be_there_and_be_utf8(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="found no file there"):
        Recipe.read(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'title = "caf\xe9"')
    with pytest.raises(RecipeError, match="must be UTF-8 text"):
        Recipe.read(tmp_path / "latin.toml")
    (tmp_path / "recipe.toml").write_text(BASE)
    assert Recipe.read(str(tmp_path / "recipe.toml")).directory == tmp_path


class Own(Settings):
    """Settings of some part."""

    low: float = Field(0.0, ge=0)
    high: float = 1.0
    mode: Literal["a", "b"] = "a"

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high:
            raise ValueError("low must be below high")
        return self


def test_that_a_parts_settings_are_refused_in_the_parts_name() -> None:
    with pytest.raises(
        RecipeError, match=r"task 'x', key 'hgh' must be one of the known keys; found an unknown key. Did you mean 'high'\?"
    ):
        read_settings(Own, {"hgh": 1}, "task 'x'")
    with pytest.raises(RecipeError, match=r"task 'x' must be free of contradictions; found one: low must be below high. Change"):
        read_settings(Own, {"low": 2}, "task 'x'")


def test_that_kinds_are_found_by_name_and_an_unknown_one_is_answered_with_the_nearest() -> None:
    chosen, settings = choose(Part.model_validate({"kind": "number", "logarithm": True}), "penchant.features", "features, item.year")
    assert (chosen.kind, settings.logarithm) == ("number", True)
    with pytest.raises(RecipeError, match=r"features, item.year, kind must be a known kind; found 'nmber'. Did you mean 'number'\?"):
        choose(Part(kind="nmber"), "penchant.features", "features, item.year")


def test_that_far_names_are_answered_with_all_known_ones() -> None:
    assert did_you_mean("zzz", ["b", "a"]) == "Known: a, b."
    assert did_you_mean("zzz", []) == "None is known here."
