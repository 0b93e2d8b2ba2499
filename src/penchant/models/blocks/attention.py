"""Multi-head attention with keys and queries from different places."""

from torch import Tensor, nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Queries `[batch, q, width]` read keys `[batch, k, width]` where `mask` (`[batch or 1, q, k]`, true = visible) allows.

    Every query must see at least one key.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, queries: Tensor, keys: Tensor, mask: Tensor | None = None, causal: bool = False) -> Tensor:
        key, value = self.key_value(keys).chunk(2, dim=-1)
        attended = F.scaled_dot_product_attention(
            self._split(self.query(queries)),
            self._split(key),
            self._split(value),
            attn_mask=None if mask is None else mask.unsqueeze(1),
            is_causal=causal,
        )
        joined: Tensor = self.out(attended.transpose(1, 2).flatten(2))
        return joined

    def _split(self, vectors: Tensor) -> Tensor:
        return vectors.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # [batch, heads, n, width / heads]
