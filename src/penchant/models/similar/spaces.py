"""In what two items or two users may be alike, and how that is measured."""

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from penchant.schema.errors import TargetError

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]

Owner = Literal["item", "user"]
Space = Literal["content", "behaviour", "joint"]
"""What they are told to be (text, pictures, attributes; a profile), what was done with them or by them, or both."""
By = Literal["cosine", "pearson"]
Friends = Literal["any", "only", "none"]
"""Whether users who are known to be related are listed like all others, alone, or not at all."""
Unknown = Literal["raise", "warn", "skip"]


def one_of(name: str, value: Any, allowed: Any) -> None:
    """Refuse a value that is none of a `Literal`.

    Raises:
        TargetError: naming what was asked and what there is.
    """
    known = get_args(allowed)
    if value not in known:
        quoted = " or ".join([", ".join(f"'{one}'" for one in known[:-1]), f"'{known[-1]}'"])
        raise TargetError(name, must=quoted, came=repr(value), do="Choose one of these.")
