"""Bundles: everything serving needs of a trained model, as JSON, safetensors and Parquet under a manifest."""

from penchant.storage.bundles.audit import Audit
from penchant.storage.bundles.manifest import Metadata
from penchant.storage.bundles.refusal import BundleRefusedError
from penchant.storage.bundles.store import Bundle, BundleStore

__all__ = ["Audit", "Bundle", "BundleRefusedError", "BundleStore", "Metadata"]
