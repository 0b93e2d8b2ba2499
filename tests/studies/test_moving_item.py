"""Which item a report draws, and how it is found by whom."""

import numpy as np
import polars as pl
import pytest

from penchant.evaluation.intervals import Bootstrap
from penchant.studies.evaluate import evaluate
from penchant.studies.moving_item import moving_item
from penchant.training.trainer import fit_network
from tests.small_data import FILM_RECIPE, NEXT, SMALL, dataset, film_dataset, film_network, two_worlds

BRIEF = FILM_RECIPE.replace("epochs = 8", "epochs = 2")


def test_that_one_item_is_found_by_two_users_in_two_contexts() -> None:
    data = film_dataset(BRIEF.replace("[training]", 'dynamic = { kind = "facets" }\n[training]'))
    train, _, test = data.split()
    model = fit_network(data.recipe, train)
    found = evaluate(model, test, bootstrap=Bootstrap(draws=10)).moving_item
    assert found is not None
    assert len({sight.user for sight in found.sights}) == 2
    assert len({sight.context for sight in found.sights}) == 2
    assert len({sight.name for sight in found.sights}) == 4
    everything = [", ".join(part for part in (sight.context, found.shared) if part) for sight in found.sights]
    assert all(told.count("daypart ") == told.count("tab ") == 1 for told in everything)
    name = found.item.removeprefix("Item ").split(",")[0]
    row = model.items["item_id"].to_list().index(name)
    np.testing.assert_allclose(found.usual, model.usual_item_vectors[row], atol=1e-6)
    first = found.sights[0]
    context = dict(part.rsplit(" ", 1) for part in everything[0].split(", "))
    time = {"time": float(test.log.time[test.rows].max())}
    asked = ([first.user.removeprefix("user ")], [name], time | {"daypart": context["daypart"]}, context["tab"])
    np.testing.assert_allclose(model.moved_items(*asked)[0], first.vector, atol=1e-5)
    far = np.linalg.norm(np.subtract(first.vector, found.usual)) / np.linalg.norm(found.usual)
    assert first.moved == pytest.approx(far, abs=1e-4)
    told = model.feature_weights(*asked)
    assert first.weights == pytest.approx(dict(told.select("feature", "weight").iter_rows()), abs=1e-4)


def test_that_items_that_stand_still_and_parts_without_events_have_no_picture() -> None:
    data = film_dataset()
    assert moving_item(film_network(), data) is None
    moves = film_dataset(BRIEF.replace("[training]", 'dynamic = { kind = "low_rank" }\n[training]'))
    model = fit_network(moves.recipe, moves)
    assert moving_item(model, moves.part(moves.rows[:0])) is None
    assert moving_item(model, moves.part(moves.rows[:1])) is not None


def test_that_without_circumstances_times_are_contexts() -> None:
    data = dataset(two_worlds(users=8), NEXT + SMALL + 'dynamic = { kind = "facets" }\n[training]\nepochs = 1\n')
    found = moving_item(fit_network(data.recipe, data), data)
    assert found is not None
    assert len(found.sights) == 4
    assert found.sights[0].context.startswith("2022-04-25 1")


def test_that_a_context_is_named_by_what_differs_alone() -> None:
    columns = "".join(f'context.{name} = {{ kind = "category" }}\n' for name in ("place", "season"))
    recipe = f'[features]\n{columns}{NEXT}{SMALL}dynamic = {{ kind = "facets" }}\n[training]\nepochs = 1\n'
    events = two_worlds(users=8).with_row_index().with_columns(
        place=pl.when(pl.col("index") % 2 == 0).then(pl.lit("home")), season=pl.lit("spring")
    )  # fmt: skip
    data = dataset(events.drop("index"), recipe)
    found = moving_item(fit_network(data.recipe, data), data)
    assert found is not None
    assert {sight.context for sight in found.sights} == {"place home", "place not known"}
    assert found.shared == "season spring"
