"""Item vectors: content plus what the id has learnt."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from penchant.features.category import FIRST
from penchant.features.feature import Form
from penchant.models.blocks.cooccurrence import cooccurrence_vectors
from penchant.models.blocks.embedding import FeatureEmbedding
from penchant.models.blocks.feed_forward import feed_forward, start_at_zero
from penchant.schema.errors import RecipeError
from penchant.schema.settings import Settings

NOTHING = 1e-24
"""Squared length below which a vector counts as none, so that gradients of lengths stay finite."""


class ContentAndIdSettings(Settings):
    """How content and id share the work."""

    id_dropout: float = Field(0.1, ge=0, lt=1)
    """Share of item vectors in training that must do without their id, so that items added later work."""
    sessions: int = Field(20, ge=0)
    """Ids start from which items are used within so many events of a user; 0 = from random vectors."""
    bound: float | None = Field(None, gt=0)
    """How many times as long as its content an item's correction by its ids may be, at most; as long as it likes when absent."""
    ids: tuple[str, ...] = ("item_id",)
    """The features that are ids."""


class ContentAndId(nn.Module):
    """`vector = content(attributes) + correction by the ids`; an unknown id adds nothing.

    With a bound b the correction c becomes `c · b|content| / sqrt((b|content|)² + |c|²)`: almost as it is while it is short, and never
    longer than b times the content. So what is learnt of an item's neighbours in content stays true of it, known or new.

    Raises:
        RecipeError: for a bound where items have no content.
    """

    kind: ClassVar[str] = "content_and_id"
    settings_class = ContentAndIdSettings

    def __init__(self, settings: ContentAndIdSettings, forms: dict[str, Form], width: int, dropout: float) -> None:
        super().__init__()
        content = {name: form for name, form in forms.items() if name not in settings.ids}
        ids = {name: form for name, form in forms.items() if name in settings.ids}
        if settings.bound is not None and not content:
            do = "Take it out, or give items a feature beside their ids."
            raise RecipeError("network.item, key 'bound'", must="absent where items have no content", came=f"{settings.bound:g}", do=do)
        self.sessions, self.bound = settings.sessions, settings.bound
        self.id_dropout, self.width = settings.id_dropout if content else 0.0, width
        self.content = FeatureEmbedding(content, width) if content else None
        self.mix = feed_forward(width * len(content), 2 * width, width, dropout) if content else None
        if self.content is not None and self.mix is not None:
            start_at_zero(self.mix[-1])
            self.content.quieten(0.1)
        self.ids = FeatureEmbedding(ids, width) if ids else None

    def start(self, session: NDArray[np.integer], item: NDArray[np.integer], items: Mapping[str, NDArray[np.integer]]) -> None:
        """Start the ids' vectors from training events.

        Args:
            session: Which stretch of history each event lies in `[events]`.
            item: Its item row `[events]`.
            items: Item features `{name: [items, *]}`.
        """
        if self.ids is None:
            return
        for name, form in self.ids.forms.items():
            index = items[name][item]
            known = index >= FIRST
            self.ids.start(name, cooccurrence_vectors(session[known], index[known], form.size, self.width))

    def forward(self, items: dict[str, Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Vectors `[n, width]` of items given by their features `{name: [n, *]}`, and the fields they are made of.

        The fields are each feature's own vectors, content first, in pieces `[n, features, width]`; an item that must do without its id has
        zeros there.
        """
        count = len(next(iter(items.values())))
        vectors, fields = torch.zeros(count, self.width, device=next(self.parameters()).device), []
        if self.content is not None and self.mix is not None:
            parts = self.content(items)
            vectors = vectors + parts.sum(-2) + self.mix(parts.flatten(-2))
            fields.append(parts)
        if self.ids is not None:
            learnt = self._learnt(items, self.ids)
            if self.bound is not None:
                learnt = learnt * _share(learnt.sum(-2), self.bound, vectors).unsqueeze(-1)
            vectors = vectors + learnt.sum(-2)
            fields.append(learnt)
        return vectors, fields

    def fields(self, items: dict[str, Tensor]) -> list[Tensor]:
        """The fields alone, as `forward` gives them."""
        if self.bound is not None:
            return self(items)[1]  # type: ignore[no-any-return]  # torch does not type calls of modules
        learnt = [] if self.ids is None else [self._learnt(items, self.ids)]
        return learnt if self.content is None else [self.content(items), *learnt]

    def _learnt(self, items: dict[str, Tensor], ids: FeatureEmbedding) -> Tensor:
        learnt: Tensor = ids(items)
        if self.training and self.id_dropout:
            learnt = learnt * (torch.rand(len(learnt), 1, device=learnt.device) >= self.id_dropout).unsqueeze(-1)
        return learnt


def _share(correction: Tensor, bound: float, content: Tensor) -> Tensor:
    """What of each correction `[n, width]` is let through, `[n, 1]`."""
    most = bound**2 * content.square().sum(-1, keepdim=True)
    asked = correction.square().sum(-1, keepdim=True)
    return (most.clamp(min=NOTHING) / (most + asked).clamp(min=NOTHING)).sqrt() * (most > NOTHING)
