"""Feature arrays to vectors: looked up, averaged or passed through a line."""

import pytest
import torch
from torch import nn

import penchant.models.blocks.embedding
from penchant.features.feature import Form
from penchant.models.blocks.embedding import DENSE_ROWS, FeatureEmbedding, key
from penchant.models.blocks.row_table import RowTable
from penchant.schema.sections.part import Part


def embedding(**forms: Form) -> FeatureEmbedding:
    torch.manual_seed(0)
    return FeatureEmbedding(forms, width=4)


def test_that_a_bag_is_the_mean_of_its_values_without_padding() -> None:
    part = embedding(genres=Form("bag", 6))
    table = part.tables["feature_genres"].weight
    bags = torch.tensor([[[2, 3, 0], [5, 0, 0]], [[0, 0, 0], [4, 4, 2]]])
    found = part({"genres": bags})[..., 0, :]
    torch.testing.assert_close(found[0, 0], (table[2] + table[3]) / 2)
    torch.testing.assert_close(found[0, 1], table[5])
    assert found[1, 0].abs().max() == 0
    torch.testing.assert_close(found[1, 1], (2 * table[4] + table[2]) / 3)


def test_that_what_is_unknown_or_missing_begins_as_nothing_and_the_unknown_stays_so() -> None:
    part = embedding(job=Form("index", 5))
    assert part({"job": torch.tensor([0, 1])}).abs().max() == 0
    part({"job": torch.tensor([0, 1, 2])}).sum().backward()
    gradient = part.tables["feature_job"].weight.grad
    assert gradient is not None
    assert gradient.abs().sum(1).tolist() == [0, 4, 4, 0, 0]


def test_that_features_stand_beside_each_other_in_their_order() -> None:
    part = embedding(job=Form("index", 5), plot=Form("vector", 3))
    job, plot = torch.tensor([3]), torch.ones(1, 3)
    found = part({"plot": plot, "job": job})
    torch.testing.assert_close(found, torch.stack([part.one("job", job), part.one("plot", plot)], dim=-2))


def test_that_only_large_tables_are_fitted_row_by_row() -> None:
    assert not isinstance(embedding(job=Form("index", 5)).tables["feature_job"], RowTable)
    assert isinstance(embedding(tags=Form("bag", DENSE_ROWS + 1)).tables["feature_tags"], RowTable)


def test_that_lookups_side_by_side_have_the_gradients_of_lookups_one_by_one() -> None:
    """Against torch's own embedding, with repeated, unknown and missing values, in tables of one width and many sizes."""
    part = embedding(job=Form("index", 5), town=Form("index", 40), item=Form("index", 7))
    asked = {name: torch.randint(0, form.size, (3, 11)) for name, form in part.forms.items()}
    told = torch.randn(3, 11, 3, 4)
    (part(asked) * told).sum().backward()
    for place, (name, index) in enumerate(asked.items()):
        weight = part.tables[key(name)].weight
        own = weight.detach().clone().requires_grad_()
        (nn.functional.embedding(index, own, padding_idx=0) * told[..., place, :]).sum().backward()
        assert weight.grad is not None
        torch.testing.assert_close(weight.grad, own.grad)


def test_that_a_large_bag_is_averaged_as_a_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    bags = torch.tensor([[[2, 3, 0], [5, 0, 0]], [[0, 0, 0], [4, 4, 2]]])
    small = embedding(genres=Form("bag", 6), job=Form("index", 4))
    monkeypatch.setattr(penchant.models.blocks.embedding, "DENSE_ROWS", 5)
    large = embedding(genres=Form("bag", 6), job=Form("index", 4))
    large.load_state_dict(small.state_dict())
    asked = {"genres": bags, "job": torch.tensor([[1, 2], [3, 0]])}
    torch.testing.assert_close(large(asked), small(asked))


def test_that_lookups_without_gradients_find_the_rows_themselves() -> None:
    part = embedding(job=Form("index", 5), town=Form("index", 40))
    with torch.inference_mode():
        found = part({"job": torch.tensor([2, 0]), "town": torch.tensor([39, 7])})
    tables = [part.tables[key(name)].weight for name in ("job", "town")]
    assert found[0].tolist() == [tables[0][2].tolist(), tables[1][39].tolist()]
    assert found[1].tolist() == [[0.0] * 4, tables[1][7].tolist()]


@pytest.mark.parametrize("kind", ["linear", "experts", "side"])
def test_that_all_features_begin_quieter_by_one_factor_whatever_their_road(kind: str) -> None:
    part = embedding(job=Form("index", 5), plot=Form("vector", 6, states=2, adaptor=Part(kind=kind))).eval()
    asked = {"job": torch.tensor([3, 4]), "plot": torch.randn(2, 6)}
    before = part(asked)
    part.quieten(0.1)
    torch.testing.assert_close(part(asked), before / 10)
