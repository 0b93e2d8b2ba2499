"""Gives an engine's memory back at once."""

import ctypes
import gc
from contextlib import suppress

from penchant.serving.seat import Seat


def release(seat: Seat) -> None:
    """Takes a seat's engine apart, which nobody asks any more.

    What an engine is made of refers to itself in circles, and looking for such circles would hold up every request for as long as
    it takes to look through all that is loaded. So the circles are cut by hand: what hangs on them goes at once.
    """
    engine = seat.engine
    for part in [getattr(getattr(engine, "model", None), "recommender", None), getattr(engine, "model", None), engine]:
        with suppress(TypeError):
            vars(part).clear()
    gc.freeze()  # what was loaded since stays, as it does at the start
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)  # Linux keeps what is freed in small pieces otherwise
