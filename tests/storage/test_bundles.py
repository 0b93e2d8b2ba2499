"""Bundles: what was made comes back, anything else is refused with its reason, and a crash leaves old or new."""

import json
import os
import random
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import save_file

from penchant.schema.errors import BundleError
from penchant.storage.bundles import BundleRefusedError, BundleStore, Metadata
from penchant.storage.bundles.manifest import entry_of


def write_small(folder: Path) -> None:
    (folder / "recipe.json").write_text('{"tasks": ["click"]}')
    (folder / "features").mkdir()
    (folder / "features" / "vocabulary.json").write_text('["a", "b"]')
    save_file({"w": np.arange(6, dtype=np.float32).reshape(2, 3), "empty": np.zeros((0, 4), np.float32)}, folder / "weights.safetensors")
    pl.DataFrame({"item_id": ["i1", "i2"]}).write_parquet(folder / "items.parquet")


@pytest.fixture
def store(tmp_path: Path) -> BundleStore:
    return BundleStore(tmp_path / "bundles")


@pytest.fixture
def folder(store: BundleStore) -> Path:
    return store.open(store.create(write_small)).path


def reseal(folder: Path) -> None:
    """Writes the manifest's entries anew, as someone would who alters a bundle and covers it."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"] = {name: entry_of(folder / name).model_dump() for name in manifest["files"]}
    path.write_text(json.dumps(manifest))


def edit_manifest(folder: Path, change: Callable[[dict], object]) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def tensors(header: dict | bytes, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def one_tensor(kind: str, count: int, data: bytes) -> bytes:
    return tensors({"w": {"dtype": kind, "shape": [count], "data_offsets": [0, len(data)]}}, data)


def reason_of(store: BundleStore, version: str = "1") -> str:
    with pytest.raises(BundleRefusedError) as refused:
        store.open(version)
    return refused.value.reason


def test_that_a_bundle_comes_back_with_its_files_and_metadata(store: BundleStore) -> None:
    metadata = Metadata(metrics={"next": {"ndcg@10": 0.25}}, provenance={"data": "abc", "seed": 0})
    version = store.create(write_small, metadata)
    bundle = store.open(version)
    assert (version, bundle.version, bundle.metadata) == ("1", "1", metadata)
    assert json.loads((bundle.path / "features" / "vocabulary.json").read_text()) == ["a", "b"]


def test_that_versions_count_up_and_a_failed_write_leaves_nothing(store: BundleStore) -> None:
    def fail(folder: Path) -> None:
        write_small(folder)
        raise RuntimeError("out of power")

    store.create(write_small)
    with pytest.raises(RuntimeError):
        store.create(fail)
    assert store.create(write_small) == "2"
    assert store.versions() == ["1", "2"]
    assert sorted(path.name for path in store.directory.iterdir()) == ["versions"]


def test_that_every_byte_is_synced_before_the_version_appears(store: BundleStore, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    fsync, rename = os.fsync, Path.rename
    monkeypatch.setattr(os, "fsync", lambda fd: (steps.append(Path(f"/proc/self/fd/{fd}").readlink().name), fsync(fd))[1])
    monkeypatch.setattr(Path, "rename", lambda self, to: (steps.append("RENAME"), rename(self, to))[1])
    store.create(write_small)
    before = set(steps[: steps.index("RENAME")])
    assert any(name.startswith(".new-") for name in before)
    assert {"recipe.json", "vocabulary.json", "weights.safetensors", "items.parquet", "manifest.json", "features"} <= before
    assert steps[steps.index("RENAME") + 1 :] == ["versions"]


def test_that_a_number_taken_meanwhile_is_stepped_over(store: BundleStore) -> None:
    def write_while_another_publishes(folder: Path) -> None:
        write_small(folder)
        BundleStore(store.directory).create(write_small)

    assert store.create(write_while_another_publishes) == "2"
    assert store.open("1").version == "1"


def test_that_an_alias_follows_promotion_and_rollback(store: BundleStore) -> None:
    for _ in range(3):
        store.create(write_small)
    store.promote("champion", "1")
    store.promote("champion", "3")
    store.promote("champion", "3")
    assert store.aliases() == {"champion": "3"}
    assert store.open("champion").version == "3"
    assert store.rollback("champion") == "1"
    assert BundleStore(store.directory).aliases() == {"champion": "1"}
    with pytest.raises(BundleRefusedError, match="no earlier version"):
        store.rollback("champion")


def test_that_a_damaged_version_is_not_promoted(store: BundleStore, folder: Path) -> None:
    (folder / "recipe.json").write_text("{}")
    with pytest.raises(BundleRefusedError):
        store.promote("champion", "1")
    assert store.aliases() == {}


@pytest.mark.parametrize("name", ["9", "../1", "champion", "", "1/../1", "0", "01", "/etc"])
def test_that_an_unknown_version_is_refused(store: BundleStore, folder: Path, name: str) -> None:
    assert reason_of(store, name) == "unknown_version"


@pytest.mark.parametrize("alias", ["", "1", "../x", "Champion", "a b", "a" * 65])
def test_that_an_alias_must_be_a_plain_name(store: BundleStore, folder: Path, alias: str) -> None:
    with pytest.raises(BundleRefusedError, match="lower-case"):
        store.promote(alias, "1")


def test_that_damaged_aliases_are_named(store: BundleStore) -> None:
    (store.directory / "aliases.json").write_text('{"champion": ["../1"]}')
    with pytest.raises(BundleError, match="aliases"):
        store.aliases()


def long_manifest(folder: Path) -> None:
    edit_manifest(folder, lambda m: m["provenance"].update(x="y" * 2**20))


def link(folder: Path) -> None:
    (folder / "recipe.json").rename(folder.parent.parent / "moved.json")
    (folder / "recipe.json").symlink_to(folder.parent.parent / "moved.json")


def swap(folder: Path) -> None:
    first, second = folder / "recipe.json", folder / "features" / "vocabulary.json"
    a, b = first.read_bytes(), second.read_bytes()
    first.write_bytes(b)
    second.write_bytes(a)


def flip(folder: Path) -> None:
    path = folder / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def replaced(name: str, content: bytes) -> Callable[[Path], None]:
    def replace(folder: Path) -> None:
        (folder / name).write_bytes(content)
        reseal(folder)

    return replace


def entry(**changes: object) -> dict:
    return {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | changes


NO_NUMBERS = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
EMPTY_FILE = {"size": 0, "sha256": "0" * 64}
ALTERATIONS: list[tuple[str, Callable[[Path], object]]] = [
    ("no_manifest", lambda f: (f / "manifest.json").unlink()),
    ("no_manifest", lambda f: ((f / "manifest.json").unlink(), (f / "manifest.json").symlink_to("/proc/self/environ"))),
    ("manifest_too_large", long_manifest),
    ("manifest_not_json", lambda f: (f / "manifest.json").write_bytes(b"{")),
    ("manifest_not_json", lambda f: (f / "manifest.json").write_bytes(b'{"schema_version": 1, "schema_version": 1}')),
    ("manifest_not_json", lambda f: (f / "manifest.json").write_bytes(b'{"schema_version": NaN}')),
    ("manifest_not_json", lambda f: (f / "manifest.json").write_bytes(b'{"schema_version": 1e999}')),
    ("manifest_not_json", lambda f: (f / "manifest.json").write_bytes(b"[" * 100_000)),
    ("manifest_not_json", lambda f: (f / "manifest.json").write_bytes(b'"\xff"')),
    ("manifest_malformed", lambda f: (f / "manifest.json").write_bytes(b"[]")),
    ("manifest_malformed", lambda f: edit_manifest(f, lambda m: m.update(extra=1))),
    ("manifest_malformed", lambda f: edit_manifest(f, lambda m: m.pop("files"))),
    ("manifest_malformed", lambda f: edit_manifest(f, lambda m: m.update(schema_version=True))),
    ("manifest_malformed", lambda f: edit_manifest(f, lambda m: m["files"]["recipe.json"].update(size=-1))),
    ("schema_version", lambda f: edit_manifest(f, lambda m: m.update(schema_version=2))),
    *(
        ("unsafe_name", lambda f, name=name: edit_manifest(f, lambda m: m["files"].update({name: m["files"]["recipe.json"]})))
        for name in (
            "../recipe.json", "/etc/x.json", "C:x.json", "a\\b.json", "a//b.json", "./a.json", "nul.json", "x\0.json", "é.json",
            ".hidden.json", "a/b/c/d/e.json", "n" * 300 + ".json", "%2e%2e/a.json", "", "//proc/self/root.json", "a#.json",
        )
    ),
    ("suffix", lambda f: edit_manifest(f, lambda m: m["files"].update({"model.pkl": m["files"]["recipe.json"]}))),
    ("name_clash", lambda f: edit_manifest(f, lambda m: m["files"].update({"Recipe.json": m["files"]["recipe.json"]}))),
    ("too_many_files", lambda f: edit_manifest(f, lambda m: m["files"].update({f"f{n}.json": EMPTY_FILE for n in range(1001)}))),
    ("not_a_file", link),
    ("not_a_file", lambda f: (f / "more").symlink_to("/tmp")),
    ("not_a_file", lambda f: os.mkfifo(f / "pipe.json")),
    ("missing_file", lambda f: (f / "recipe.json").unlink()),
    ("extra_file", lambda f: (f / "extra.json").write_text("{}")),
    ("wrong_size", lambda f: os.truncate(f / "items.parquet", 10)),
    ("wrong_hash", flip),
    ("wrong_size", swap),
    ("json", replaced("recipe.json", b'{"a": 1, "a": 2}')),
    ("json", replaced("recipe.json", b"[NaN]")),
    ("parquet", replaced("items.parquet", b"PAR1 but not its end")),
    ("parquet", replaced("items.parquet", b"")),
    ("safetensors_header", replaced("weights.safetensors", b"")),
    ("safetensors_header", replaced("weights.safetensors", struct.pack("<Q", 2**63) + b"{}")),
    ("safetensors_header", replaced("weights.safetensors", tensors(b" " * (2**20 + 1)))),
    ("safetensors_header", replaced("weights.safetensors", tensors(b"[]"))),
    ("safetensors_header", replaced("weights.safetensors", tensors(b'{"w": {}, "w": {}}'))),
    ("safetensors_header", replaced("weights.safetensors", tensors({"w": entry()}, b"1234"))),
    ("safetensors_header", replaced("weights.safetensors", tensors({"w": entry()}, b"12345678 and more"))),
    ("safetensors_header", replaced("weights.safetensors", tensors({"w": entry(shape=[3])}, b"12345678"))),
    ("safetensors_header", replaced("weights.safetensors", tensors({"w": entry(), "v": entry()}, b"12345678"))),
    ("safetensors_header", replaced("weights.safetensors", tensors({"w": entry(data_offsets=[4, 12])}, b"1" * 12))),
    ("safetensors_header", replaced("weights.safetensors", tensors({"w": entry(dtype="OBJ")}, b"12345678"))),
    ("safetensors_header", replaced("weights.safetensors", tensors({"w": entry(dtype=[])}, b"12345678"))),
    ("safetensors_header", replaced("weights.safetensors", tensors({"w": entry(shape=[-1, -2])}, b"12345678"))),
    ("safetensors_header", replaced("weights.safetensors", tensors({f"{n}": NO_NUMBERS for n in range(10_001)}))),
    ("safetensors_not_finite", replaced("weights.safetensors", one_tensor("F32", 2, struct.pack("<2f", 1, float("nan"))))),
    ("safetensors_not_finite", replaced("weights.safetensors", one_tensor("F64", 1, struct.pack("<d", float("-inf"))))),
    ("safetensors_not_finite", replaced("weights.safetensors", one_tensor("F16", 4, struct.pack("<4e", 1, 2, 3, float("inf"))))),
    ("safetensors_not_finite", replaced("weights.safetensors", one_tensor("BF16", 4, struct.pack("<4H", 0x3F80, 0x7F7F, 0xFF80, 0)))),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "alter"), ALTERATIONS, ids=[f"{n}-{reason}" for n, (reason, _) in enumerate(ALTERATIONS)])
def test_that_an_altered_bundle_is_refused_with_its_reason(
    store: BundleStore, folder: Path, reason: str, alter: Callable[[Path], object]
) -> None:
    alter(folder)
    assert reason_of(store) == reason


def test_that_any_truncation_or_flipped_bit_anywhere_is_refused(store: BundleStore, folder: Path) -> None:
    chance = random.Random(0)
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json"]
    for _ in range(200):
        path = chance.choice(files)
        whole = path.read_bytes()
        place = chance.randrange(len(whole))
        altered = (
            whole[:place]
            if chance.random() < 0.5
            else whole[:place] + bytes([whole[place] ^ (1 << chance.randrange(8))]) + whole[place + 1 :]
        )
        path.write_bytes(altered)
        assert reason_of(store) in ("wrong_size", "wrong_hash")
        path.write_bytes(whole)
    store.open("1")


def test_that_bfloat16_weights_that_are_finite_are_accepted(store: BundleStore) -> None:
    content = one_tensor("BF16", 4, struct.pack("<4H", 0x3F80, 0x7F7F, 0x0001, 0xFF7F))
    store.open(store.create(lambda folder: (folder / "w.safetensors").write_bytes(content) and None))


@pytest.mark.parametrize(
    ("reason", "name", "content"),
    [
        ("suffix", "model.pt", b""),
        ("unsafe_name", "manifest.json", b"{}"),
        ("json", "a.json", b"NaN"),
        ("safetensors_not_finite", "w.safetensors", tensors({"w": entry()}, struct.pack("<2f", 1, float("inf")))),
    ],
)
def test_that_a_bundle_that_would_be_refused_is_not_made(store: BundleStore, reason: str, name: str, content: bytes) -> None:
    with pytest.raises(BundleRefusedError) as refused:
        store.create(lambda folder: (folder / name).write_bytes(content) and None)
    assert refused.value.reason == reason
    assert store.versions() == []


def test_that_metrics_with_nan_are_not_written(store: BundleStore) -> None:
    with pytest.raises(ValueError):
        store.create(write_small, Metadata(metrics={"auc": float("nan")}))
    assert store.versions() == []


def test_that_a_line_of_the_audit_trail_cut_short_by_a_crash_spoils_no_other(store: BundleStore) -> None:
    store.create(write_small)
    store.promote("champion", "1", "first")
    with store.audit.path.open("ab") as file:
        file.write(b'{"time": "2026-')
    store.promote("candidate", "1", "second")
    assert [(line["by"], line["alias"]) for line in store.audit.newest()] == [("second", "candidate"), ("first", "champion")]
    assert len(store.audit.newest(1)) == 1
