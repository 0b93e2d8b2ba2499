"""Why a bundle is refused."""

from typing import Literal

from penchant.schema.errors import BundleError

Reason = Literal[
    "unknown_version", "unknown_alias", "no_manifest", "manifest_too_large", "manifest_not_json", "manifest_malformed", "schema_version",
    "unsafe_name", "name_clash", "suffix", "not_a_file", "missing_file", "extra_file", "wrong_size", "wrong_hash", "too_many_files",
    "json", "safetensors_header", "safetensors_not_finite", "parquet", "unreadable",
]  # fmt: skip


class BundleRefusedError(BundleError):
    """A bundle that is not served, with a reason that stays the same between releases.

    Args:
        reason: The reason, for programs.
        thing: The bundle or file refused.
        must: What it must be.
        came: What it is.
        do: What to do; absent = use another version.
    """

    def __init__(self, reason: Reason, thing: str, *, must: str, came: str, do: str = "Use another version, or make it anew.") -> None:
        self.reason = reason
        super().__init__(thing, must=must, came=came, do=do)
