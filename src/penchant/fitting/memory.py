"""Memory that a training step frees is kept for the next one, rather than given back to the system page by page."""

import ctypes
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # of mallopt(3), which numbers its settings
KEPT = 512 << 20
LARGEST = 32 << 20  # bytes; glibc takes no larger threshold


def keep_freed_memory() -> bool:
    """Ask the C library to keep what is freed; False where it is not glibc, and nothing changes.

    A step on a CPU frees hundreds of megabytes and asks for them again a moment later. By default they go back to the system in between,
    and every page is then fetched anew and zeroed, which takes longer than much of the arithmetic.
    """
    library = _glibc()
    return library is not None and bool(library.mallopt(MMAP_THRESHOLD, LARGEST) and library.mallopt(TRIM_THRESHOLD, KEPT))


def give_back_freed_memory() -> None:
    """Give what is free back to the system, once nothing is trained."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
