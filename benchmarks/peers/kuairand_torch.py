"""What the networks among the rivals on KuaiRand share: tensors, batches, and so many epochs with a learning rate that rises and falls."""

from collections.abc import Callable, Iterator

import kuairand
import numpy as np
import torch

LONG = [kind for kind in range(14) if (1 <= kind <= 8 and (kind - 1) & 2) or (kind >= 9 and (kind - 9) & 1)]
LIKED = [kind for kind in range(14) if (1 <= kind <= 8 and (kind - 1) & 4) or (kind >= 9 and (kind - 9) & 2)]
KINDS = 14
"""What became of a past event: 1 + click + 2·long view + 4·like of an impression, 9 + long + 2·liked of one of the earlier sequences;
13 stands for the one asked about, 0 for none."""
SHOWN = 13

Rows = dict[str, torch.Tensor]


class Tensors:
    """A day as tensors, rows gathered by batch.

    Args:
        day: The folder.
        settings: `history`, whether the practitioner's numbers are read beside the recipe's.
    """

    def __init__(self, day: kuairand.Day, settings: dict) -> None:
        self.sizes = {plain(name): size for name, size in day.columns["index"].items()}
        self.bags = {plain(name): size for name, size in day.columns["bags"].items()}
        self.index = torch.from_numpy(day.read("index"))
        self.number = torch.from_numpy(normal(day, settings.get("history", True)))
        self.past = torch.from_numpy(day.read("past"))
        self.kind = torch.from_numpy(day.read("past_kind"))
        self.bag = {plain(name): torch.from_numpy(day.read(f"bag_{name}")) for name in day.columns["bags"]}
        self.label = torch.from_numpy(day.label)
        self.train, self.judged = np.flatnonzero(~day.judged), np.flatnonzero(day.judged)

    def rows(self, chosen: np.ndarray) -> Rows:
        """These rows: one tensor per index field and bag, `number`, `past`, `past_kind`, and the past by what became of it."""
        place = torch.from_numpy(chosen)
        past, kind = self.past[place], self.kind[place]
        found = dict(zip(self.sizes, self.index[place].T, strict=True))
        found |= {name: bag[place] for name, bag in self.bag.items()}
        found |= {"number": self.number[place], "past": past, "past_kind": kind}
        return found | {"past_long": among(past, kind, LONG), "past_liked": among(past, kind, LIKED)}


def plain(name: str) -> str:
    """A field's name as torch allows modules to be called."""
    return name.replace(".", "_")


def among(past: torch.Tensor, kind: torch.Tensor, kinds: list[int]) -> torch.Tensor:
    """The past items of these kinds, 0 elsewhere."""
    return past * torch.isin(kind, torch.tensor(kinds))


def normal(day: kuairand.Day, history: bool) -> np.ndarray:
    """The numbers as normal scores of their ranks among the rows learnt from, [n, columns]; kept beside the others."""
    kept = day.folder / f"normal_{int(history)}.npy"
    if not kept.is_file():
        values = day.numbers(history)
        for column in values.T:
            known = np.sort(column[~day.judged])
            rank = (np.searchsorted(known, column, "left") + np.searchsorted(known, column, "right")) / 2 / len(known)
            column[:] = torch.special.ndtri(torch.from_numpy(np.clip(rank, 0.001, 0.999))).numpy()
        np.save(kept, values)
    return np.load(kept)


def rate(step: int, steps: int) -> float:
    """The share of the learning rate: up over the first twentieth, then down to a twentieth along a cosine."""
    return min(1.0, (step + 1) / (0.05 * steps)) * (0.525 + 0.475 * float(np.cos(np.pi * step / steps)))


def learn(tensors: Tensors, settings: dict, optimiser: torch.optim.Optimizer, step: Callable[[Rows, torch.Tensor], None]) -> None:
    """`epochs` passes over the rows learnt from; `step(rows, label)` takes one step."""
    random = np.random.default_rng(settings["seed"])
    batch = settings.get("batch", 1024)
    whole = len(tensors.train) // batch
    orders = (random.permutation(tensors.train)[: whole * batch].reshape(whole, batch) for _ in range(settings["epochs"]))
    for done, chosen in enumerate(chosen for order in orders for chosen in order):
        for group in optimiser.param_groups:
            group["lr"] = settings["rate"] * rate(done, settings["epochs"] * whole)
        step(tensors.rows(chosen), tensors.label[torch.from_numpy(chosen)])


@torch.no_grad()
def predicted(tensors: Tensors, model: torch.nn.Module, predict: Callable[[Rows], torch.Tensor]) -> np.ndarray:
    """Probabilities of the day's rows, [judged, whatever `predict` gives]."""
    model.eval()
    return torch.cat([predict(tensors.rows(chosen)) for chosen in pieces(tensors.judged)]).numpy()


def pieces(rows: np.ndarray) -> Iterator[np.ndarray]:
    yield from np.array_split(rows, -(-len(rows) // 4096))


def started(settings: dict) -> None:
    """One thread, seeded."""
    torch.set_num_threads(1)
    torch.manual_seed(settings["seed"])
