"""The usual road: one line."""

import torch

from penchant.features.feature import Form
from penchant.models.blocks.adaptor.linear import Linear, LinearSettings
from penchant.models.blocks.embedding import FeatureEmbedding


def test_that_it_is_a_line_and_what_a_vector_takes_unless_told_otherwise() -> None:
    form = Form("vector", 3)
    table = FeatureEmbedding({"plot": form}, 2).tables["feature_plot"]
    assert isinstance(table, Linear)
    part = Linear(LinearSettings(), form, 2)
    part.load_state_dict({"weight": torch.tensor([[1.0, 0, 2], [0, 1, 0]]), "bias": torch.tensor([0.5, 0])})
    assert part(torch.tensor([[1.0, 2, 3]])).tolist() == [[7.5, 2.0]]
