"""A user's past, encoded once for every event that follows it."""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from penchant.features.feature import Form
from penchant.models.blocks.attention import Attention
from penchant.models.blocks.dropout import Dropout
from penchant.models.blocks.embedding import FeatureEmbedding
from penchant.models.blocks.feed_forward import feed_forward, start_at_zero
from penchant.schema.settings import Settings

GAPS = 34  # nothing before, then logarithmic classes of time between two events, from a second to a century


class TransformerSettings(Settings):
    """Size of the history encoder."""

    layers: int = Field(2, ge=0, le=24)
    """0 = events stand as they are, and only the request reads them: their weighted mean."""
    heads: int = Field(2, ge=1)
    order: bool = True
    """Whether the order of events tells anything. Without it a history is a set: no places, no gaps, no event counts less for its age."""


class Transformer(nn.Module):
    """Causal self-attention over profile and history.

    The profile stands before the first event, so that position v of the output knows the profile and the first v
    events, and a user without history is position 0. Where order tells nothing, the events before v are still all that v knows.
    """

    kind: ClassVar[str] = "transformer"
    settings_class = TransformerSettings
    reads = True

    def __init__(self, settings: TransformerSettings, forms: dict[str, Form], width: int, length: int, dropout: float) -> None:
        super().__init__()
        self.order = settings.order
        self.columns = FeatureEmbedding(forms, width) if forms else None
        self.gap = nn.Embedding(GAPS, width)
        self.place = nn.Embedding(length + 1, width)
        for table in (self.gap, self.place):
            nn.init.normal_(table.weight, std=0.02)
        self.dropout = Dropout(dropout)
        self.layers = nn.ModuleList([Layer(width, settings.heads, dropout) for _ in range(settings.layers)])
        self.norm = nn.LayerNorm(width)

    def forward(self, profile: Tensor, items: Tensor, columns: dict[str, Tensor], gap: Tensor, alike: bool = False) -> Tensor:
        """Encoded positions.

        Args:
            profile: `[batch, width]`.
            items: Item vectors of the history, oldest first, `[batch, length, width]`.
            columns: What is known of each event, `{name: [batch, length, *]}`.
            gap: Class of the time since the event before, `[batch, length]`.
            alike: Whether many begin as the first one does: what they share is then encoded once.

        Returns:
            `[batch, 1 + length, width]`.
        """
        events = items * items.shape[-1] ** 0.5
        if self.order:
            events = events + self.gap(gap)
        if self.columns is not None:
            events = events + self.columns(columns).sum(-2)
        tokens = torch.cat([profile.unsqueeze(1), events], dim=1)
        if self.order:
            tokens = tokens + self.place.weight[: tokens.shape[1]]
        tokens = self.dropout(tokens)
        places = torch.arange(tokens.shape[1], device=tokens.device)
        age = self.age(places.unsqueeze(0), len(places))
        encoded: Tensor = self.norm(self._sharing(tokens, age) if alike else self._through(tokens, age))
        return encoded

    def _through(self, tokens: Tensor, age: Tensor) -> Tensor:
        for layer in self.layers:
            tokens = layer(tokens, age)
        return tokens

    def _sharing(self, tokens: Tensor, age: Tensor) -> Tensor:
        """As `_through`: nothing before a difference knows of it, so a beginning that many have is read once for all of them."""
        same = (tokens == tokens[:1]).all(-1).long().cumprod(1).sum(1)
        lengths, order = same.sort(descending=True)
        many = int((torch.arange(len(order), device=order.device) * lengths).argmax()) + 1
        start = min(int(lengths[many - 1]), tokens.shape[1] - 1)
        if many < 2 or start < 1 or not self.order:  # in a set every event knows of every other
            return self._through(tokens, age)
        sharing, others = order[:many], order[many:]
        first, rest = tokens[:1, :start], tokens[sharing, start:]
        layer: Layer
        for layer in self.layers:  # type: ignore[assignment]  # torch does not say what a list of modules holds
            first, rest = layer(first, age[:, :start, :start]), layer.after(first, rest, age[:, start:])
        found = torch.empty_like(tokens)
        found[sharing] = torch.cat([first.expand(many, -1, -1), rest], dim=1)
        if len(others):
            found[others] = self._through(tokens[others], age)
        return found

    def age(self, visible: Tensor, positions: int) -> Tensor:
        """How many events each position lies before the last visible one; 0 for all of them where order tells nothing.

        Args:
            visible: How many events may be seen, `[batch, targets]`.
            positions: The profile and the events, however many are visible.

        Returns:
            `[batch, targets, positions]`, below 0 where not visible; the profile at position 0 always is.
        """
        age = visible.unsqueeze(-1) - torch.arange(positions, device=visible.device)
        return age if self.order else age.clamp(max=0)

    def latest(self, encoded: Tensor, visible: Tensor) -> Tensor:
        """Where the user stands `[batch, targets, width]`: the state after the last visible event; in a set none is last, so the profile's.

        Args:
            encoded: What `forward` gave.
            visible: As above.
        """
        place = visible if self.order else torch.zeros_like(visible)
        return encoded.gather(1, place.unsqueeze(-1).expand(-1, -1, encoded.shape[-1]))


class NoHistorySettings(Settings):
    """Nothing to set."""


class NoHistory(nn.Module):
    """No past is read: a user is the profile, here and now. Rows are then learnt from one by one, in random order."""

    kind: ClassVar[str] = "none"
    settings_class = NoHistorySettings
    reads, order = False, False

    def __init__(self, settings: NoHistorySettings, forms: dict[str, Form], width: int, length: int, dropout: float) -> None:
        super().__init__()

    def forward(self, profile: Tensor, items: Tensor, columns: dict[str, Tensor], gap: Tensor, alike: bool = False) -> Tensor:
        """The profile `[batch, 1, width]`, whatever came before."""
        return profile.unsqueeze(1)

    def age(self, visible: Tensor, positions: int) -> Tensor:
        """0 for the profile, `[batch, targets, 1]`."""
        return torch.zeros_like(visible).unsqueeze(-1)

    def latest(self, encoded: Tensor, visible: Tensor) -> Tensor:
        """The profile at every target `[batch, targets, width]`."""
        return encoded.expand(-1, visible.shape[1], -1)


class Layer(nn.Module):
    """One pre-norm transformer layer, causal."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(width, heads)
        self.feed_forward = feed_forward(width, 4 * width, width, dropout)
        start_at_zero(self.attention.out, self.feed_forward[-1])  # so that the sum begins as the events themselves
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.dropout = Dropout(dropout)

    def forward(self, tokens: Tensor, age: Tensor) -> Tensor:
        """Tokens `[batch, n, width]`, each after reading those with an age of 0 or more, `[1, n, n]`."""
        normed = self.norms[0](tokens)
        tokens = tokens + self.dropout(self.attention(normed, normed, age))
        mixed: Tensor = tokens + self.dropout(self.feed_forward(self.norms[1](tokens)))
        return mixed

    def after(self, before: Tensor, tokens: Tensor, age: Tensor) -> Tensor:
        """Tokens `[batch, n, width]` that follow the same ones `[1, m, width]`, as `forward` gives them; ages `[1, n, m + n]`."""
        normed = self.norms[0](tokens)
        keys = torch.cat([self.norms[0](before).expand(len(tokens), -1, -1), normed], dim=1)
        tokens = tokens + self.dropout(self.attention(normed, keys, age))
        mixed: Tensor = tokens + self.dropout(self.feed_forward(self.norms[1](tokens)))
        return mixed
