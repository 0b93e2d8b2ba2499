"""A fitted network as files (JSON, safetensors, Parquet), enough to serve from and nothing that runs code."""

from pathlib import Path

import numpy as np
import polars as pl
from safetensors.numpy import load_file, save_file
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save_file as save_tensors

from penchant.data.log import Column, Log
from penchant.features.feature_set import Encoded
from penchant.models.network_recommender import NetworkRecommender
from penchant.schema.recipe import Recipe

ROLES = ("user", "item", "time", "in_history")


def write_network(recommender: NetworkRecommender, directory: Path) -> None:
    """Write recipe, features, weights, vectors, and the log that histories come from."""
    (directory / "recipe.json").write_text(recommender.recipe.model_dump_json(exclude={"directory"}, indent=1), encoding="utf8")
    recommender.features.save(directory)
    save_tensors({name: value.contiguous() for name, value in recommender.network.state_dict().items()}, directory / "network.safetensors")
    save_tensors({"items": recommender.item_vectors.contiguous()}, directory / "vectors.safetensors")
    log = recommender.log_
    profiles = recommender.encoded(log).user
    save_file({name: np.ascontiguousarray(array) for name, array in profiles.items()}, directory / "profiles.safetensors")
    log.users.write_parquet(directory / "users.parquet")
    log.items.write_parquet(directory / "items.parquet")
    in_history = np.ones(len(log), dtype=bool) if log.in_history is None else np.asarray(log.in_history)
    roles = [pl.Series(name, np.asarray(array)) for name, array in zip(ROLES, (log.user, log.item, log.time, in_history), strict=True)]
    pl.DataFrame([*roles, *(log.series(name).alias(f"column.{name}") for name in log.columns)]).write_parquet(directory / "events.parquet")


def read_network(directory: Path) -> NetworkRecommender:
    """The network that `write_network` wrote; the directory must have been verified."""
    recipe = Recipe.model_validate_json((directory / "recipe.json").read_bytes())
    recommender = NetworkRecommender(recipe)
    recommender.features.load(directory)
    log = _read_log(directory)
    recommender.log_, recommender.recipe_ = log, recipe
    events = recommender.features.encode_events(log)
    recommender.keep(log, Encoded(user=load_file(directory / "profiles.safetensors"), **events))
    recommender.build().load_state_dict(load_tensors(directory / "network.safetensors"))
    recommender.network.eval()
    recommender.item_vectors = load_tensors(directory / "vectors.safetensors")["items"]
    recommender.catalogue = recommender.features.catalogue(log.items)
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
