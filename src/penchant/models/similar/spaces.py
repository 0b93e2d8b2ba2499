"""In what two items or two users may be alike, and how that is measured."""

from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from penchant.schema.errors import TargetError
from penchant.schema.likeness import By, Friends, Owner, Space, Unknown

__all__ = ["By", "Floats", "Friends", "Mask", "Owner", "Rows", "Space", "Unknown", "one_of"]

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]


def one_of(name: str, value: Any, allowed: Any) -> None:
    """Refuse a value that is none of a `Literal`.

    Raises:
        TargetError: naming what was asked and what there is.
    """
    known = get_args(allowed)
    if value not in known:
        quoted = " or ".join([", ".join(f"'{one}'" for one in known[:-1]), f"'{known[-1]}'"])
        raise TargetError(name, must=quoted, came=repr(value), do="Choose one of these.")
