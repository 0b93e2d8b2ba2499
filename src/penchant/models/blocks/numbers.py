"""Numbers as they are, for experts that weigh amounts against each other."""

import torch
from torch import Tensor

from penchant.features.feature_set import FeatureSet, Owner
from penchant.models.batch import Batch

_OWNERS: tuple[Owner, ...] = ("user", "context", "candidate")


class Numbers:
    """The vectors among the features of users, circumstances and counted candidates, side by side and not embedded.

    An embedding of a number is one line in as many dimensions: a hundred of them say the same thing a hundred times over.
    """

    def __init__(self, features: FeatureSet) -> None:
        self.names = {owner: [name for name, form in features.forms(owner).items() if form.shape == "vector"] for owner in _OWNERS}
        self.width = sum(features.forms(owner)[name].size for owner in _OWNERS for name in self.names[owner])

    def of_who_asks(self, batch: Batch) -> Tensor:
        """Those of users and circumstances `[batch, targets, *]`."""
        profile = [batch.profile[name].unsqueeze(1).expand(-1, batch.visible.shape[1], -1) for name in self.names["user"]]
        none = torch.zeros(*batch.visible.shape, 0, device=batch.visible.device)
        return torch.cat([none, *profile, *(batch.context[name] for name in self.names["context"])], dim=-1)

    def beside(self, asked: Tensor, standing: dict[str, Tensor], candidates: int) -> Tensor:
        """All of them `[batch, targets, k, width]`."""
        own = asked.unsqueeze(2).expand(-1, -1, candidates, -1)
        return torch.cat([own, *(standing[name] for name in self.names["candidate"])], dim=-1)
