"""Numbers that a scenario may have of its own."""

import numpy as np
import polars as pl
import pytest
import torch

from penchant.features.feature_set import FeatureSet
from penchant.models.by_scenario import ByScenario, Placement, Scenarios, dumped, loaded
from penchant.models.calibration import Calibration
from penchant.models.final_score import FinalScore
from penchant.training.trainer import fit_network
from tests.small_data import NOON, dataset

LIKE = '[tasks.like]\nkind = "binary"\nlabel = "liked"\n'
EVENTS = {
    "user_id": list("aabbc"),
    "item_id": list("pqpqp"),
    "timestamp": NOON + np.arange(5.0),
    "tab": ["home", "home", "search", None, "home"],
    "device": ["phone", "pc", "phone", "pc", "pc"],
    "liked": [1, 0, 1, 0, 1],
}


def scenarios(lines: str) -> tuple[Scenarios, FeatureSet]:
    data = dataset(EVENTS, LIKE + lines)
    features = FeatureSet(data.recipe).fit(data)
    return Scenarios(data.recipe, features), features


def codes_of(features: FeatureSet, named: Scenarios, **columns: list[str | None]) -> torch.Tensor:
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    factors = {name: torch.from_numpy(array) for name, array in features.encode("scenario", frame).items()}
    found: torch.Tensor = named.codes(factors, torch.zeros(len(frame), dtype=torch.int64))
    return found


def test_that_every_scenario_seen_has_a_code_of_its_own_and_others_none() -> None:
    named, features = scenarios('[scenario]\ncolumns = ["tab", "device"]\n')
    seen = [("home", "phone"), ("home", "pc"), ("search", "phone"), (None, "pc"), ("search", "pc")]  # the last as a combination
    codes = codes_of(features, named, tab=[tab for tab, _ in seen], device=[device for _, device in seen])
    assert len(set(codes.tolist())) == len(seen)
    assert [named.code_of(values) for values in seen] == codes.tolist()
    assert [named.values_of(code) for code in codes.tolist()] == seen
    assert named.code_of(("home", "watch")) is None
    strange = codes_of(features, named, tab=["home"], device=["watch"])
    assert named.known(np.append(codes.numpy(), strange.numpy())).tolist() == sorted(codes.tolist())
    assert named.named("tab=home, device=pc") == ("home", "pc")
    assert named.named("device=pc") == (None, "pc")
    assert named.name_of(("home", "pc")) == "tab=home, device=pc"


def test_that_one_column_is_called_by_its_value_and_no_column_makes_one_scenario() -> None:
    named, features = scenarios('[scenario]\ncolumn = "tab"\n')
    assert named.named("home") == ("home",)
    assert (named.name_of(("home",)), named.name_of((None,))) == ("home", "unknown")
    alone, features = scenarios("")
    assert alone.codes({}, np.arange(3)).tolist() == [0, 0, 0]
    assert alone.known(np.zeros(3, dtype=np.int64)).tolist() == []
    assert features.features["scenario"] == {}


def test_that_a_scenario_has_its_own_numbers_and_any_other_those_of_all() -> None:
    named, features = scenarios('[scenario]\ncolumn = "tab"\n')
    numbers = ByScenario((1.0, 2.0), {("search",): (3.0, 4.0), (None,): (5.0, 6.0), ("never seen",): (7.0, 8.0)})
    codes = codes_of(features, named, tab=["home", "search", None, "never seen"])
    assert numbers.placed(named).at(codes).tolist() == [[1, 2], [3, 4], [5, 6], [1, 2]]
    assert loaded(dumped({"x": numbers})) == {"x": numbers}


def where(named: Scenarios, features: FeatureSet, tabs: list[str | None]) -> Placement:
    frame = pl.DataFrame({"tab": tabs}, schema={"tab": pl.String})
    factors = {name: torch.from_numpy(array)[:, None] for name, array in features.encode("scenario", frame).items()}
    return Placement(named, factors, torch.zeros(len(tabs), 1, dtype=torch.int64))


def test_that_calibration_is_a_line_by_task_and_scenario() -> None:
    named, features = scenarios('[scenario]\ncolumn = "tab"\n')
    lines = {"like": ByScenario((2.0, 1.0), {("search",): (0.5, -1.0)}), "all": ByScenario((3.0, 0.0))}
    outputs = {name: torch.tensor([[[1.0, 2.0]], [[1.0, 2.0]]]) for name in ("like", "all", "other")}
    told = Calibration(lines).of(outputs, where(named, features, ["home", "search"]))
    assert told["like"].tolist() == [[[3, 5]], [[-0.5, 0]]]
    assert told["all"].tolist() == [[[3, 6]], [[3, 6]]]
    assert told["other"] is outputs["other"]
    assert Calibration(lines).sentences() == ["like: logit times 2.00, +1.00; 1 scenarios", "all: logit times 3.00, +0.00; 0 scenarios"]


def test_that_the_final_score_weighs_tasks_by_scenario() -> None:
    data = dataset(
        EVENTS,
        LIKE + '[tasks.click]\nkind = "binary"\nlabel = "liked"\n[scenario]\ncolumn = "tab"\n[serving]\nrank_by = { click = 1 }\n'
        "[serving.rank_by_scenario]\nsearch = { click = 0.5, like = 3 }\nnowhere = { like = 9 }\n",
    )
    features = FeatureSet(data.recipe).fit(data)
    named = Scenarios(data.recipe, features)
    score = FinalScore.of(data.recipe, named)
    utilities = {"click": torch.tensor([[1.0, 2.0]] * 3), "like": torch.tensor([[10.0, 0.0]] * 3)}
    total = score.total(utilities, where(named, features, ["home", "search", "nowhere"]))
    assert total.tolist() == [[1, 2], [30.5, 1], [1, 2]]
    assert score.tasks == ["click", "like"]
    assert score.told(named)["search"] == {"click": 0.5, "like": 3.0}
    assert score.sentences(named)[:2] == ["everywhere: click 1, like 0", "search: click 0.5, like 3"]


def test_that_weights_for_a_scenario_that_is_in_no_training_event_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    brief = '[scenario]\ncolumn = "tab"\n[training]\nepochs = 1\n[serving]\nrank_by = { like = 1 }\n[serving.rank_by_scenario]\n'
    for lines, warnings in (("search = { like = 2 }\n", 0), ("search = { like = 2 }\nserach = { like = 3 }\n", 1)):
        caplog.clear()
        fit_network((data := dataset(EVENTS, LIKE + brief + lines)).recipe, data)
        told = [record.getMessage() for record in caplog.records if "rank_by_scenario" in record.getMessage()]
        assert len(told) == warnings
    assert "no training event's tab is 'serach'; requests from there are ranked by serving.rank_by" in told[0]


def test_that_a_final_score_of_the_recipe_alone_needs_no_scenario() -> None:
    named, _ = scenarios("")
    score = FinalScore.of(dataset(EVENTS, LIKE).recipe, named)
    utility = torch.tensor([[0.25, 1.0]])
    assert score.total({"like": utility}, Placement(named, {}, torch.zeros(1, 1, dtype=torch.int64))).tolist() == utility.tolist()
    assert pytest.approx(1.0) == score.told(named)["everywhere"]["like"]
