"""Items: what the content says, and what the ids add to it, within bounds."""

import pytest
import torch

from penchant.features.feature import Form
from penchant.models.blocks.item import ContentAndId, ContentAndIdSettings
from penchant.schema.errors import RecipeError

FORMS = {"item_id": Form("index", 6), "plot": Form("vector", 3)}


def items(forms: dict[str, Form] = FORMS, **settings: object) -> ContentAndId:
    torch.manual_seed(0)
    return ContentAndId(ContentAndIdSettings.model_validate(settings), forms, 4, 0.0)


def asked(*ids: int, seed: int = 0) -> dict[str, torch.Tensor]:
    return {"item_id": torch.tensor(ids), "plot": torch.randn(len(ids), 3, generator=torch.Generator().manual_seed(seed))}


def longer(part: ContentAndId, factor: float) -> None:
    """Ids as they might be learnt: as much longer."""
    assert part.ids is not None
    part.ids.quieten(factor)


@pytest.mark.parametrize("bound", [0.1, 1.0, 3.0])
@pytest.mark.parametrize("factor", [1.0, 100.0, 1e6])
def test_that_the_ids_correction_is_never_longer_than_its_bound(bound: float, factor: float) -> None:
    part = items(bound=bound).eval()
    longer(part, factor)
    content = part({**asked(2, 3, 4, 5), "item_id": torch.zeros(4, dtype=torch.int64)})[0]
    whole, fields = part(asked(2, 3, 4, 5))
    correction = (whole - content).norm(dim=-1)
    assert (correction <= bound * content.norm(dim=-1) * (1 + 1e-5)).all()
    torch.testing.assert_close(fields[1].sum(-2), whole - content, atol=1e-6, rtol=1e-4)  # the ranking path reads no more of it
    if factor == 1e6:
        torch.testing.assert_close(correction, bound * content.norm(dim=-1), rtol=1e-3, atol=1e-9)


def test_that_a_short_correction_passes_almost_as_it_is() -> None:
    """By hand: content 3 long, correction 4 long, bound 1: 4 * 3 / sqrt(9 + 16) = 2.4."""
    from penchant.models.blocks.item import _share

    share = _share(torch.tensor([[4.0, 0.0]]), 1.0, torch.tensor([[0.0, 3.0]]))
    torch.testing.assert_close(share * 4, torch.tensor([[2.4]]))
    short = _share(torch.tensor([[0.003, 0.0]]), 1.0, torch.tensor([[0.0, 3.0]]))
    assert short.item() == pytest.approx(1, abs=1e-6)


def test_that_without_content_there_is_no_correction_and_gradients_stay_finite() -> None:
    part = items(bound=1.0)
    with torch.no_grad():
        for parameter in [*part.content.parameters(), *part.mix.parameters()]:  # type: ignore[union-attr]  # there is content here
            parameter.zero_()
    vectors, _ = part(asked(2, 3))
    assert not vectors.any()
    vectors.sum().backward()
    assert all(torch.isfinite(each.grad).all() for each in part.parameters() if each.grad is not None)


@pytest.mark.parametrize("bound", [None, 0.5])
def test_that_an_unknown_id_adds_nothing(bound: float | None) -> None:
    part = items(bound=bound).eval()
    longer(part, 50.0)
    told = asked(2, 0)
    told["plot"] = told["plot"][:1].expand(2, -1)
    (known, unknown), _ = part(told)
    content_alone = items({"plot": FORMS["plot"]})
    content_alone.load_state_dict({name: value for name, value in part.state_dict().items() if not name.startswith("ids")})
    torch.testing.assert_close(unknown, content_alone.eval()({"plot": told["plot"][:1]})[0][0])
    assert not torch.allclose(known, unknown)


def test_that_id_dropout_serves_items_as_if_they_were_new() -> None:
    part = items(id_dropout=0.9, bound=2.0)
    longer(part, 50.0)
    told = {name: values.expand(200, *values.shape[1:]) for name, values in asked(2).items()}
    vectors, _ = part.train()(told)
    new = part.eval()({**told, "item_id": torch.zeros(200, dtype=torch.int64)})[0]
    without = (vectors - new).abs().sum(-1) < 1e-7
    assert 0.8 < without.float().mean() < 0.98


def test_that_ids_alone_and_content_alone_are_items_too() -> None:
    assert items({"item_id": FORMS["item_id"]})({"item_id": torch.tensor([2, 3])})[0].any()
    assert items({"plot": FORMS["plot"]})({"plot": torch.ones(2, 3)})[0].any()


def test_that_a_bound_without_content_is_refused() -> None:
    with pytest.raises(RecipeError, match="must be absent where items have no content; found 2"):
        items({"item_id": FORMS["item_id"]}, bound=2.0)


def test_that_fields_alone_are_those_of_the_whole() -> None:
    part = items(bound=0.5).eval()
    torch.testing.assert_close(torch.cat(part.fields(asked(2, 3)), -2), torch.cat(part(asked(2, 3))[1], -2))
