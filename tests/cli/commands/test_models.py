"""Promoting and rolling back from the command line, with and without a server that runs."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from penchant.storage.bundles import BundleStore, Metadata
from tests.cli.commands.test_serve import serving
from tests.cli.given import penchant


def another(recipe: Path, change: Callable[[Path], None] = lambda folder: None, **metrics: float) -> tuple[BundleStore, str]:
    """A further version of a home: the first one's files, changed."""
    store = BundleStore(recipe.parent / "penchant" / "bundles")
    first = store.open("1")

    def write(folder: Path) -> None:
        shutil.copytree(first.path, folder, dirs_exist_ok=True)
        (folder / "manifest.json").unlink()
        change(folder)

    return store, store.create(write, Metadata(metrics=metrics or first.metadata.metrics))


def blow_up(folder: Path) -> None:
    """Weights that are finite, as the store demands, and give scores that are not."""
    for path in folder.glob("*.safetensors"):
        arrays = load_file(path)
        changed = {name: np.full_like(each, 3e38) if each.dtype == np.float32 else each for name, each in arrays.items()}
        save_file(changed, path)


def test_that_a_version_is_promoted_listed_and_rolled_back(own: Path) -> None:
    store, version = another(own)
    ran = penchant("models", "promote", own, version, "--json")
    assert ran.code == 0, ran
    assert ran.json["canary"]["requests"] == 100
    assert ran.json["canary"]["overlap"] == 1.0
    assert store.aliases() == {"champion": "2"}
    listed = penchant("models", "list", own, "--json").json
    assert [(row["version"], row["aliases"]) for row in listed["models"]] == [("2", ["champion"]), ("1", [])]
    assert [(change["action"], change["before"], change["version"]) for change in listed["changes"]] == [
        ("promote", "1", "2"), ("promote", None, "1"),
    ]  # fmt: skip
    assert "champion 1 to 2" in penchant("models", "list", own).out
    assert penchant("models", "rollback", own, "--json").json["bundle"] == "1"
    assert store.aliases() == {"champion": "1"}
    assert penchant("models", "rollback", own).code == 6


def test_that_what_is_no_good_is_refused_with_its_code_and_noted(own: Path) -> None:
    store, version = another(own, blow_up)
    ran = penchant("models", "promote", own, version, "--json")
    assert ran.code == 9
    assert ran.json["error"]["code"] in ("canary_not_finite", "canary_failed", "canary_empty", "canary_constant")
    store, version = another(own, **{name: value * 0.1 for name, value in store.open("1").metadata.metrics.items()})
    assert "canary_metric" in penchant("models", "promote", own, version, "--json").out
    assert penchant("models", "promote", own, "17").code == penchant("models", "promote", own, "champion").code == 6
    assert store.aliases() == {"champion": "1"}
    assert [change["action"] for change in store.audit.newest()] == ["refused", "refused", "promote"]


def test_that_a_running_server_follows_what_the_command_line_promotes(own: Path) -> None:
    _, version = another(own)
    with serving(own) as server:
        assert server.ask("/v1/recommendations", {})["model_version"] == "1"
        assert penchant("models", "promote", own, version).code == 0
        end = time.monotonic() + 30
        while server.ask("/v1/recommendations", {})["model_version"] != version:
            assert time.monotonic() < end, server.ask("/v1/models")
            time.sleep(0.1)
        states = {model["version"]: model["state"] for model in server.ask("/v1/models")["models"]}
        assert states == {version: "serving", "1": "warm"}
        assert penchant("models", "rollback", own).code == 0
        while server.ask("/v1/recommendations", {})["model_version"] != "1":
            assert time.monotonic() < end, server.ask("/v1/models")
            time.sleep(0.1)
