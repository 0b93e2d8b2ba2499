"""Films told in Chinese and in English, read by the real multilingual model: neighbours cross the language, also of the unseen."""

import pytest

from penchant.models.network_recommender import NetworkRecommender
from penchant.models.similar.spaces import By
from penchant.training.trainer import fit_network
from tests import small_data

PLOTS = {
    "i0": "两个机器人在废弃的地球上相爱。", "i1": "Two robots fall in love on an abandoned Earth.",
    "i2": "一位厨师在巴黎开了一家餐馆。", "i3": "A cook opens a restaurant in Paris.",
    "i4": "侦探在雨夜追查一桩谋杀案。", "i5": "A detective hunts a murderer on a rainy night.",
    "i6": "足球队赢得了冠军。", "i7": "A football team wins the championship.",
}  # fmt: skip
RECIPE = small_data.NEXT + '[features]\nitem.plot = { kind = "text", model = "multilingual" }\n[training]\nepochs = 1\n'


@pytest.fixture(scope="module")
def model() -> NetworkRecommender:
    events = small_data.two_worlds(users=8, items=8, events=4)
    data = small_data.dataset(events, RECIPE, items={"item_id": list(PLOTS), "plot": list(PLOTS.values())})
    return fit_network(data.recipe, data)


@pytest.mark.slow
@pytest.mark.parametrize("by", ["cosine", "pearson"])
def test_that_the_nearest_to_a_plot_is_the_same_plot_in_the_other_language(model: NetworkRecommender, by: By) -> None:
    nearest = model.similar_items(list(PLOTS), 1, space="content", by=by)["other_id"].to_list()
    assert nearest == ["i1", "i0", "i3", "i2", "i5", "i4", "i7", "i6"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plot", "pair"), [("Robots in love", {"i0", "i1"}), ("巴黎的餐厅", {"i2", "i3"}), ("冠军 football", {"i6", "i7"})]
)
def test_that_a_text_nobody_has_seen_finds_both_languages(model: NetworkRecommender, plot: str, pair: set[str]) -> None:
    assert set(model.similar_items([{"plot": plot}], 2, space="content")["other_id"]) == pair
