"""Multi-head attention with keys and queries from different places."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.schema.errors import RecipeError


class Attention(nn.Module):
    """Queries `[batch, q, width]` read the keys `[batch, k, width]` that lie in their past, each head with its own reach.

    A key counts less the older it is, by a fixed slope per head (ALiBi: Press et al. 2022, section 3): the first head looks at the
    last few events, the last head at everything.

    Every query must see at least one key.
    """

    slopes: Tensor

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise RecipeError(
                "network.width", must=f"a multiple of its {heads} attention heads", came=str(width), do="Change width or heads."
            )
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.register_buffer("slopes", 2.0 ** -torch.linspace(1, 6, heads), persistent=False)

    def start_as_average(self) -> None:
        """Begin as the plain average of the keys, weighted by age alone."""
        width = self.out.in_features
        with torch.no_grad():
            for layer in (self.query, self.key_value, self.out):
                nn.init.zeros_(layer.bias)
            nn.init.zeros_(self.query.weight)
            nn.init.eye_(self.key_value.weight[width:])
            nn.init.eye_(self.out.weight)

    def forward(self, queries: Tensor, keys: Tensor, age: Tensor, nearness: Tensor | None = None) -> Tensor:
        """What each query finds `[batch, q, width]`.

        Args:
            queries, keys: As above.
            age: How many events each key lies before each query, below 0 where it must not be seen, `[batch or 1, q or 1, k]`.
            nearness: Added to what each head makes of query and key, `[batch or 1, heads or 1, q, k]`; nothing when absent.
        """
        key, value = self.key_value(keys).chunk(2, dim=-1)
        bias = -self.slopes.view(-1, 1, 1) * age.unsqueeze(1)
        if nearness is not None:
            bias = bias + nearness
        attended = F.scaled_dot_product_attention(
            self._split(self.query(queries)),
            self._split(key),
            self._split(value),
            attn_mask=bias.masked_fill(age.unsqueeze(1) < 0, float("-inf")).to(key.dtype),
        )
        joined: Tensor = self.out(attended.transpose(1, 2).flatten(2))
        return joined

    def _split(self, vectors: Tensor) -> Tensor:
        split = vectors.view(*vectors.shape[:2], self.heads, -1)
        return split.transpose(1, 2)  # [batch, heads, n, width / heads]
