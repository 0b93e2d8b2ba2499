"""Whether a file's inside is what its suffix says: strict JSON, sound safetensors with finite numbers, Parquet."""

import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from penchant.storage.bundles import strict_json
from penchant.storage.bundles.refusal import BundleRefusedError

LARGEST_HEADER = 2**20
"""Bytes of a safetensors header."""
MOST_TENSORS = 10_000
CHUNK = 2**20
"""Numbers checked at once."""

_WIDTHS = {"BOOL": 1, "U8": 1, "I8": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2, "I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8}
"""Bytes of one number, by type; other types are refused."""
_FLOATS = {"F16": "<f2", "F32": "<f4", "F64": "<f8"}
_BF16_EXPONENT = 0x7F80


def check_content(path: Path) -> None:
    """Checks one file of a bundle.

    Raises:
        BundleRefusedError: json, safetensors_header, safetensors_not_finite or parquet.
    """
    _CHECKS[path.suffix](path)


def _check_json(path: Path) -> None:
    try:
        strict_json.parse(path.read_bytes())
    except ValueError as error:
        raise BundleRefusedError("json", str(path), must="strict JSON", came=str(error)[:200]) from None


def _check_parquet(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(max(path.stat().st_size - 4, 0))
        if start != b"PAR1" or file.read(4) != b"PAR1":
            raise BundleRefusedError("parquet", str(path), must="a Parquet file", came="one without its marks")


def _check_safetensors(path: Path) -> None:
    header, begin = _read_header(path)
    tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
    if len(tensors) > MOST_TENSORS:
        raise _bad_header(path, f"{len(tensors)} tensors")
    _check_layout(path, tensors, path.stat().st_size - begin)
    for name, entry in tensors.items():
        if not _is_finite(path, begin + entry["data_offsets"][0], entry):
            thing = f"{path}, tensor '{name[:80]}'"
            raise BundleRefusedError("safetensors_not_finite", thing, must="finite numbers", came="NaN or infinity")


def _read_header(path: Path) -> tuple[dict[str, Any], int]:
    """The header and where the numbers begin (bytes from the start of the file)."""
    with path.open("rb") as file:
        prefix = file.read(8)
        length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else LARGEST_HEADER + 1
        if length > LARGEST_HEADER:
            raise _bad_header(path, "a longer header, or none")
        content = file.read(length)
    try:
        header = strict_json.parse(content)
    except ValueError as error:
        raise _bad_header(path, f"a header that is not strict JSON ({str(error)[:100]})") from None
    if not isinstance(header, dict):
        raise _bad_header(path, "a header that is not an object")
    return header, 8 + length


def _check_layout(path: Path, tensors: dict[str, Any], size: int) -> None:
    """Tensors must fill the `size` bytes after the header without gap or overlap, each with a length that fits its shape."""
    end = 0
    for entry in sorted(tensors.values(), key=_start):
        if not _is_entry(entry):
            raise _bad_header(path, "an entry without a known type, shape and place")
        first, last = entry["data_offsets"]
        if first != end or last - first != math.prod(entry["shape"]) * _WIDTHS[entry["dtype"]]:
            raise _bad_header(path, "tensors that overlap, leave gaps or do not fit their shapes")
        end = last
    if end != size:
        raise _bad_header(path, f"{size} bytes where the header counts {end}")


def _start(entry: Any) -> tuple[int, int]:
    """A sort key that no entry, however malformed, can break; empty tensors stand before the one they touch."""
    return tuple(entry["data_offsets"]) if _is_entry(entry) else (-1, -1)


def _is_entry(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and set(entry) == {"dtype", "shape", "data_offsets"}
        and isinstance(entry["dtype"], str)
        and entry["dtype"] in _WIDTHS
        and _are_counts(entry["shape"])
        and len(entry["shape"]) <= 8
        and _are_counts(entry["data_offsets"])
        and len(entry["data_offsets"]) == 2
    )


def _are_counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**48 for value in values)


def _is_finite(path: Path, begin: int, entry: dict[str, Any]) -> bool:
    count, kind = math.prod(entry["shape"]), entry["dtype"]
    if kind != "BF16" and kind not in _FLOATS:
        return True
    read = np.dtype(_FLOATS.get(kind, "<u2"))
    for start in range(0, count, CHUNK):
        numbers = np.fromfile(path, read, min(CHUNK, count - start), offset=begin + start * read.itemsize)
        finite = (numbers & _BF16_EXPONENT) != _BF16_EXPONENT if kind == "BF16" else np.isfinite(numbers)
        if not finite.all():
            return False
    return True


def _bad_header(path: Path, came: str) -> BundleRefusedError:
    must = f"safetensors with a sound header of at most 1 MiB and {MOST_TENSORS} tensors"
    return BundleRefusedError("safetensors_header", str(path), must=must, came=came)


_CHECKS: dict[str, Callable[[Path], None]] = {".json": _check_json, ".safetensors": _check_safetensors, ".parquet": _check_parquet}
