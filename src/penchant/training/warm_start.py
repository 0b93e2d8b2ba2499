"""A network that begins from another one, whose vocabularies were smaller."""

import torch
from torch import nn

COUNTED = ("retrieval.", "tasks.", "relations.")
"""Modules whose buffers are counted from the events that are learnt from."""


def begin_from(network: nn.Module, earlier: nn.Module) -> None:
    """Take over another network's weights in place.

    Tables with more rows than before keep those that they had; each new row begins as row 0, which stands for what is unknown.

    Args:
        network: For features grown from the other's.
        earlier: Of the same recipe.

    Raises:
        ValueError: when the two are not of one recipe.
    """
    counted = {name for name, _ in network.named_buffers() if name.startswith(COUNTED)}
    old, new = earlier.state_dict(), network.state_dict()
    if old.keys() != new.keys():
        raise ValueError(f"networks of different recipes: {sorted(old.keys() ^ new.keys())[:3]}")
    with torch.no_grad():
        for name, tensor in new.items():
            if name not in counted:
                tensor.copy_(_grown(name, old[name], tensor))


def _grown(name: str, old: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
    if old.shape == new.shape:
        return old
    if old.shape[1:] != new.shape[1:] or len(old) > len(new):
        raise ValueError(f"'{name}' of a grown network must have more rows; found {list(new.shape)} after {list(old.shape)}")
    return torch.cat([old, old[:1].expand(len(new) - len(old), *old.shape[1:])])
