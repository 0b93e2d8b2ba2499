"""What the experts read: every interaction by numbers on paper or by a property."""

import itertools

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from penchant.models.blocks.interaction.cnn import CNN, CNNSettings
from penchant.models.blocks.interaction.concat import Concat, ConcatSettings
from penchant.models.blocks.interaction.dcn import DCN, DCNSettings
from penchant.models.blocks.interaction.fields import Fields, FieldsSettings
from penchant.models.blocks.interaction.fm import FM
from penchant.models.blocks.interaction.mlp import MLP, MLPSettings
from penchant.models.blocks.interaction.self_attention import SelfAttention, SelfAttentionSettings
from penchant.schema.kinds import choose, kinds_in
from penchant.schema.sections.part import Part

PLACE = "penchant.models.blocks.interaction"
READ_FIELDS = sorted(kinds_in(PLACE).keys() - {"concat"})
TOLD, FIELDS = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, -1.0], [0.5, 2.0]])  # one told vector and two fields of width 2


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("kind", READ_FIELDS)
def test_that_every_interaction_gives_the_width_it_says_for_any_shape(kind: str, told: bool) -> None:
    chosen, settings = choose(Part.model_validate({"kind": kind, "told": told}), PLACE, "interaction")
    part = chosen(settings, 5, 3, 8, 0.2)
    assert (part.reads_told, part.reads_fields) == (told, True)
    for shape in ((4,), (2, 3, 4), (2, 1, 1)):
        read = torch.randn(*shape, 5, 8) if told else None
        found = part(read, torch.randn(*shape, 3, 8, requires_grad=True))
        assert found.shape == (*shape, part.width_out)
        found.sum().backward()


@pytest.mark.parametrize("kind", READ_FIELDS)
def test_that_rows_do_not_see_one_another(kind: str) -> None:
    torch.manual_seed(0)
    chosen, settings = choose(Part(kind=kind), PLACE, "interaction")
    part = chosen(settings, 2, 3, 8, 0.2).eval()
    for parameter in part.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    told, fields = torch.randn(6, 2, 8), torch.randn(6, 3, 8)
    torch.testing.assert_close(part(told, fields)[4:5], part(told[4:5], fields[4:5]), atol=1e-5, rtol=1e-5)


def test_that_concat_is_the_told_vectors_side_by_side() -> None:
    part = Concat(ConcatSettings(), 2, 9, 2, 0.2)
    assert (part.reads_told, part.reads_fields, part.width_out) == (True, False, 4)
    assert part(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]), None).tolist() == [[1, 2, 3, 4]]


def test_that_fields_follow_the_told_vectors() -> None:
    assert Fields(FieldsSettings(), 1, 2, 2, 0.0)(TOLD, FIELDS).tolist() == [1, 2, 3, -1, 0.5, 2]
    assert Fields(FieldsSettings(told=False), 1, 2, 2, 0.0)(None, FIELDS).tolist() == [3, -1, 0.5, 2]


def test_that_fm_sums_the_products_of_all_pairs_by_hand() -> None:
    """1·3 + 1·0.5 + 3·0.5 = 5 and 2·(-1) + 2·2 + (-1)·2 = 0."""
    assert FM(FieldsSettings(), 1, 2, 2, 0.0)(TOLD, FIELDS).tolist() == [1, 2, 3, -1, 0.5, 2, 5, 0]


def test_that_fm_is_the_sum_over_pairs_in_any_order() -> None:
    torch.manual_seed(1)
    tokens = torch.randn(3, 6, 4, dtype=torch.float64)
    part = FM(FieldsSettings(told=False), 0, 6, 4, 0.0)
    expected = sum(tokens[:, i] * tokens[:, j] for i, j in itertools.combinations(range(6), 2))
    torch.testing.assert_close(part(None, tokens)[:, -4:], expected)
    torch.testing.assert_close(part(None, tokens.flip(1))[:, -4:], expected)


def test_that_a_cross_layer_is_its_equation_by_hand() -> None:
    """x₀ = (1, 2): W x₀ + b = (1·1 + 0·2 + 1, 2·1 + 1·2 + 0) = (2, 4), so x₁ = (1·2 + 1, 2·4 + 2) = (3, 10);
    W x₁ + b = (4, 16), so x₂ = (1·4 + 3, 2·16 + 10) = (7, 42)."""
    part = DCN(DCNSettings(layers=2), 1, 0, 2, 0.0)
    for cross in part.crosses:
        cross.load_state_dict({"weight": torch.tensor([[1.0, 0.0], [2.0, 1.0]]), "bias": torch.tensor([1.0, 0.0])})
    assert part(TOLD, FIELDS[:0]).tolist() == [7, 42, 1, 2]


def test_that_a_low_rank_cross_is_the_full_one_of_that_product() -> None:
    torch.manual_seed(2)
    low, full = (DCN(DCNSettings(layers=1, rank=rank), 1, 2, 4, 0.0) for rank in (2, None))
    inner, outer = low.crosses[0]
    full.crosses[0].load_state_dict({"weight": outer.weight @ inner.weight, "bias": outer.bias})
    told, fields = torch.randn(5, 1, 4), torch.randn(5, 2, 4)
    torch.testing.assert_close(low(told, fields), full(told, fields))
    assert sum(p.numel() for p in low.parameters()) == 12 * 2 * 2 + 12


def test_that_the_body_is_its_layers() -> None:
    torch.manual_seed(3)
    part = MLP(MLPSettings(hidden=(5, 3)), 1, 2, 2, 0.0)
    first, second = part.layers[0], part.layers[3]
    joined = torch.cat([TOLD, FIELDS]).flatten()
    expected = functional.gelu(second.weight @ functional.gelu(first.weight @ joined + first.bias) + second.bias)
    torch.testing.assert_close(part(TOLD, FIELDS), expected)


def test_that_a_convolution_reads_neighbouring_tokens_by_hand() -> None:
    """One channel that adds up the first number of a token and of both neighbours: 1 + 3, 1 + 3 + 0.5 and 3 + 0.5."""
    part = CNN(CNNSettings(channels=1, reach=3, layers=1), 1, 2, 2, 0.0)
    weight = torch.tensor([[[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]])
    part.layers[0].load_state_dict({"weight": weight, "bias": torch.zeros(1)})
    torch.testing.assert_close(part(TOLD, FIELDS), functional.gelu(torch.tensor([4.0, 4.5, 3.5])))


def attention(out: str, told: bool = False) -> SelfAttention:
    torch.manual_seed(4)
    part = SelfAttention(SelfAttentionSettings.model_validate({"out": out, "told": told, "layers": 2}), 1, 5, 8, 0.0)
    for parameter in part.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return part


def test_that_the_mean_of_attention_does_not_know_the_order_of_fields() -> None:
    """Fields and the biases that say what they are, moved together, change nothing; moved alone they do."""
    part, fields = attention("mean"), torch.randn(3, 5, 8)
    before, order = part(None, fields), torch.tensor([3, 0, 4, 1, 2])
    assert not torch.allclose(part(None, fields[:, order]), before)
    with torch.no_grad():
        part.what.copy_(part.what[order])
    torch.testing.assert_close(part(None, fields[:, order]), before)


def test_that_attention_lets_every_token_read_every_other() -> None:
    part = attention("flatten")
    fields = torch.randn(1, 5, 8, requires_grad=True)
    for token in range(5):
        (reached,) = torch.autograd.grad(part(None, fields).view(5, 8)[token].square().sum(), fields)
        assert bool((reached.abs().sum(-1) > 0).all())


def test_that_attention_begins_with_the_tokens_and_their_biases_as_they_are() -> None:
    part = SelfAttention(SelfAttentionSettings(), 1, 2, 2, 0.0)
    tokens: Tensor = torch.cat([TOLD, FIELDS]) + part.what
    torch.testing.assert_close(part(TOLD, FIELDS), functional.layer_norm(tokens, (2,)).flatten())
