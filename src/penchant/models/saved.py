"""A fitted model as files (JSON, safetensors, Parquet), enough to serve from and nothing that runs code."""

import json
from pathlib import Path

import numpy as np
import polars as pl
from safetensors.numpy import load_file, save_file
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save_file as save_tensors

from penchant.data.log import Column, Log
from penchant.features.feature_set import Encoded
from penchant.models.classic import classic
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.recommender import Recommender
from penchant.schema.recipe import Part, Recipe

ROLES = ("user", "item", "time", "in_history")
CLASSIC = "model.json"


def write(recommender: Recommender, directory: Path) -> None:
    """Write a fitted model of any kind into a folder that exists.

    Raises:
        TargetError: for a model that cannot be saved.
    """
    if isinstance(recommender, NetworkRecommender):
        write_network(recommender, directory)
        return
    arrays = {name: np.ascontiguousarray(array) for name, array in recommender.state().items()}
    told = {"kind": recommender.kind, "settings": recommender.get_params()}
    (directory / CLASSIC).write_text(json.dumps(told, ensure_ascii=False, indent=1), encoding="utf8")
    (directory / "recipe.json").write_text(recommender.recipe_.model_dump_json(exclude={"directory"}, indent=1), encoding="utf8")
    save_file(arrays, directory / "model.safetensors")
    _write_log(recommender.log_, directory)


def read(directory: Path) -> Recommender:
    """The model that `write` wrote; the directory must have been verified."""
    if not (directory / CLASSIC).is_file():
        return read_network(directory)
    told = json.loads((directory / CLASSIC).read_text(encoding="utf8"))
    recommender = classic(Part(kind=told["kind"], **told["settings"]))
    recommender.log_, recommender.recipe_ = _read_log(directory), Recipe.model_validate_json((directory / "recipe.json").read_bytes())
    recommender.restore(load_file(directory / "model.safetensors"))
    return recommender


def write_network(recommender: NetworkRecommender, directory: Path) -> None:
    """Write recipe, features, weights, vectors, and the log that histories come from."""
    (directory / "recipe.json").write_text(recommender.recipe.model_dump_json(exclude={"directory"}, indent=1), encoding="utf8")
    recommender.features.save(directory)
    save_tensors({name: value.contiguous() for name, value in recommender.network.state_dict().items()}, directory / "network.safetensors")
    save_tensors({"items": recommender.item_vectors.contiguous()}, directory / "vectors.safetensors")
    log = recommender.log_
    profiles = recommender.encoded(log).user
    save_file({name: np.ascontiguousarray(array) for name, array in profiles.items()}, directory / "profiles.safetensors")
    _write_log(log, directory)


def _write_log(log: Log, directory: Path) -> None:
    log.users.write_parquet(directory / "users.parquet")
    log.items.write_parquet(directory / "items.parquet")
    in_history = np.ones(len(log), dtype=bool) if log.in_history is None else np.asarray(log.in_history)
    roles = [pl.Series(name, np.asarray(array)) for name, array in zip(ROLES, (log.user, log.item, log.time, in_history), strict=True)]
    pl.DataFrame([*roles, *(log.series(name).alias(f"column.{name}") for name in log.columns)]).write_parquet(directory / "events.parquet")


def read_network(directory: Path, recipe_folder: Path = Path(".")) -> NetworkRecommender:
    """The network that `write_network` wrote.

    Args:
        directory: Must have been verified.
        recipe_folder: Where relative paths of the recipe start (folders of images, of language models); a bundle does not know where it
            was made.
    """
    told = Recipe.model_validate_json((directory / "recipe.json").read_bytes())
    recipe = told.model_copy(update={"directory": recipe_folder})
    recommender = NetworkRecommender(recipe)
    recommender.features.load(directory)
    log = _read_log(directory)
    recommender.log_, recommender.recipe_ = log, recipe
    events = recommender.features.encode_events(log)
    recommender.keep(log, Encoded(user=load_file(directory / "profiles.safetensors"), **events))
    recommender.build().load_state_dict(load_tensors(directory / "network.safetensors"))
    recommender.network.eval()
    recommender.item_vectors = load_tensors(directory / "vectors.safetensors")["items"]
    return recommender


def _read_log(directory: Path) -> Log:
    frame = pl.read_parquet(directory / "events.parquet")
    names = [name for name in frame.columns if name.startswith("column.")]
    user, item, time, in_history = (frame[name].to_numpy() for name in ROLES)
    return Log(
        users=pl.read_parquet(directory / "users.parquet"),
        items=pl.read_parquet(directory / "items.parquet"),
        user=user,
        item=item,
        time=time,
        columns={name.removeprefix("column."): Column.pack(frame[name]) for name in names},
        in_history=in_history,
    )
