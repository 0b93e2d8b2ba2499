"""Why a model does not take over."""

from typing import Literal

from penchant.schema.errors import PenchantError

Code = Literal[
    "promotion_under_way", "no_earlier_model", "not_loaded", "state_not_rebuilt", "canary_failed", "canary_not_finite", "canary_constant",
    "canary_empty", "canary_slow", "canary_overlap", "canary_metric",
]  # fmt: skip


class PromotionRefusedError(PenchantError):
    """A promotion or roll-back that does not happen, with a code that stays the same between releases; the model that answers goes on.

    Args:
        code: The code, for programs.
        thing: What was refused.
        must: What it must be.
        came: What it is.
        do: What to do.
    """

    code = "promotion_refused"
    exit_code = 9

    def __init__(self, code: Code, thing: str, *, must: str, came: str, do: str = "The model that answers goes on answering.") -> None:
        self.code = code
        super().__init__(thing, must=must, came=came, do=do)
