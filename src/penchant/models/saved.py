"""A fitted model as files (JSON, safetensors, Parquet), enough to serve from and nothing that runs code."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from polars.io.plugins import register_io_source
from safetensors.numpy import load_file, save_file
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save_file as save_tensors

from penchant.data.log import Column, Log
from penchant.features.feature_set import Encoded
from penchant.models.by_scenario import dumped, loaded
from penchant.models.calibration import Calibration
from penchant.models.classic import classic
from penchant.models.final_score import FinalScore
from penchant.models.network import Items
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.rankers.chosen import example
from penchant.models.rankers.student import Student
from penchant.models.recommender import Recommender
from penchant.models.similar.of_network import Similar
from penchant.schema.rankers import RankerName
from penchant.schema.recipe import Recipe
from penchant.schema.sections.part import Part

ROLES = ("user", "item", "time", "in_history")
CLASSIC = "model.json"
SOURCES = "sources"
RELATIONS = "relations.safetensors"
CONTENTS = "contents.safetensors"
SIMILAR = "similar.safetensors"
CALIBRATION = "calibration.json"
FINAL_SCORE = "final_score.json"
STUDENT = "student.safetensors"
EVENTS_AT_ONCE = 1_000_000


def write(recommender: Recommender, directory: Path) -> None:
    """Write a fitted model of any kind into a folder that exists.

    Raises:
        TargetError: for a model that cannot be saved.
    """
    if isinstance(recommender, NetworkRecommender):
        write_network(recommender, directory)
        return
    _write_classic(recommender, directory)
    (directory / "recipe.json").write_text(recommender.recipe_.model_dump_json(exclude={"directory"}, indent=1), encoding="utf8")
    _write_log(recommender.log_, directory)


def read(directory: Path, recipe_folder: Path = Path("."), ranker: RankerName | None = None) -> Recommender:
    """The model that `write` wrote, of any kind; arguments as of `read_network`."""
    if not (directory / CLASSIC).is_file():
        return read_network(directory, recipe_folder, ranker)
    return _read_classic(directory, _read_log(directory), _read_recipe(directory, recipe_folder))


def _write_classic(recommender: Recommender, directory: Path) -> None:
    arrays = {name: np.ascontiguousarray(array) for name, array in recommender.state().items()}
    told = {"kind": recommender.kind, "settings": recommender.get_params()}
    (directory / CLASSIC).write_text(json.dumps(told, ensure_ascii=False, indent=1), encoding="utf8")
    save_file(arrays, directory / "model.safetensors")


def _read_classic(directory: Path, log: Log, recipe: Recipe) -> Recommender:
    told = json.loads((directory / CLASSIC).read_text(encoding="utf8"))
    recommender = classic(Part(kind=told["kind"], **told["settings"]))
    recommender.log_, recommender.recipe_ = log, recipe
    recommender.restore(load_file(directory / "model.safetensors"))
    return recommender


def _read_recipe(directory: Path, recipe_folder: Path) -> Recipe:
    told = Recipe.model_validate_json((directory / "recipe.json").read_bytes())
    return told.model_copy(update={"directory": recipe_folder})


def write_network(recommender: NetworkRecommender, directory: Path) -> None:
    """Write recipe, features, weights, vectors, sources, and the log that histories come from."""
    (directory / "recipe.json").write_text(recommender.recipe.model_dump_json(exclude={"directory"}, indent=1), encoding="utf8")
    recommender.features.save(directory)
    save_tensors({name: value.contiguous() for name, value in recommender.network.state_dict().items()}, directory / "network.safetensors")
    known = recommender.known
    told = {"items": known.vectors, "fields": known.fields, "index": known.index}
    save_tensors({name: value.contiguous() for name, value in told.items() if value is not None}, directory / "vectors.safetensors")
    log = recommender.log_
    encoded = recommender.encoded(log)
    for arrays, file in ((encoded.user, "profiles.safetensors"), (encoded.item, CONTENTS), (recommender.similar.state(), SIMILAR)):
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, directory / file)
    if recommender.calibration.lines:
        (directory / CALIBRATION).write_text(dumped(recommender.calibration.lines), encoding="utf8")
    if recommender.learnt_score is not None:
        (directory / FINAL_SCORE).write_text(dumped(recommender.learnt_score.weights), encoding="utf8")
    if recommender.student is not None:
        save_tensors({name: value.contiguous() for name, value in recommender.student.state_dict().items()}, directory / STUDENT)
    if recommender.related:
        save_file({name: np.ascontiguousarray(pairs) for name, pairs in recommender.related.items()}, directory / RELATIONS)
    for name, source in recommender.sources.items():
        folder = directory / SOURCES / name
        folder.mkdir(parents=True, exist_ok=True)
        _write_classic(source.model, folder)
    _write_log(log, directory)


def _write_log(log: Log, directory: Path) -> None:
    log.users.write_parquet(directory / "users.parquet")
    log.items.write_parquet(directory / "items.parquet")
    _write_events(log, directory / "events.parquet")


def read_network(directory: Path, recipe_folder: Path = Path("."), ranker: RankerName | None = None) -> NetworkRecommender:
    """The network that `write_network` wrote.

    Args:
        directory: Must have been verified.
        recipe_folder: Where relative paths of the recipe start (folders of images, of language models); a bundle does not know where it
            was made.
        ranker: What judges candidates; what the recipe's `serving.ranker` says when None.

    Raises:
        RecipeError: where that needs a package that is not installed.
        BundleError: where that needs a student and there is none.
    """
    recipe = _read_recipe(directory, recipe_folder)
    recommender = NetworkRecommender(recipe)
    recommender.features.load(directory)
    log = _read_log(directory)
    recommender.log_, recommender.recipe_ = log, recipe
    events = recommender.features.encode_events(log)
    contents = load_file(directory / CONTENTS) if (directory / CONTENTS).is_file() else {}
    recommender.keep(log, Encoded(user=load_file(directory / "profiles.safetensors"), item=contents, **events))
    recommender.build().load_state_dict(load_tensors(directory / "network.safetensors"))
    recommender.network.eval()
    if (directory / CALIBRATION).is_file():
        recommender.calibration = Calibration(loaded((directory / CALIBRATION).read_bytes()))
    if (directory / FINAL_SCORE).is_file():
        recommender.learnt_score = FinalScore(loaded((directory / FINAL_SCORE).read_bytes()))
    known = load_tensors(directory / "vectors.safetensors")
    recommender.known = Items(known["items"], known.get("fields"), known.get("index"))
    recommender.catalogue = recommender.features.catalogue(log.items)
    recommender.related = load_file(directory / RELATIONS) if (directory / RELATIONS).is_file() else {}
    if (directory / SIMILAR).is_file():  # a bundle of an earlier version has it worked out when it is first asked for
        recommender.take_similar(Similar.restored(recommender, load_file(directory / SIMILAR)))
    recommender.take_sources({name: _read_classic(directory / SOURCES / name, log, recipe) for name in recipe.serving.sources})
    if (directory / STUDENT).is_file() and recipe.distillation is not None:
        recommender.student = Student(recommender.network, recipe.distillation.hidden, *example(recommender)).eval()
        recommender.student.load_state_dict(load_tensors(directory / STUDENT))
    recommender.take_ranker(ranker)
    return recommender


def _write_events(log: Log, file: Path) -> None:
    """The log's events, a piece at a time: a packed log may be larger than memory."""
    schema = _events(log, slice(0, 0)).schema

    def pieces(columns: Any, *_: Any) -> Iterator[pl.DataFrame]:
        for start in range(0, len(log), EVENTS_AT_ONCE):
            yield _events(log, slice(start, start + EVENTS_AT_ONCE)).cast(schema)

    register_io_source(pieces, schema=schema).sink_parquet(file, maintain_order=True)


def _events(log: Log, rows: slice) -> pl.DataFrame:
    in_history = np.ones(len(log.user[rows]), dtype=bool) if log.in_history is None else log.in_history[rows]
    roles = zip(ROLES, (log.user[rows], log.item[rows], log.time[rows], in_history), strict=True)
    return pl.DataFrame(
        [*(pl.Series(name, array) for name, array in roles), *(log.series(name, rows).alias(f"column.{name}") for name in log.columns)]
    )


def _read_log(directory: Path) -> Log:
    """The events, a column at a time: texts take many times the room of their codes."""
    file = directory / "events.parquet"
    names = [name for name in pl.read_parquet_schema(file) if name.startswith("column.")]
    user, item, time, in_history = (pl.read_parquet(file, columns=[name])[name].to_numpy() for name in ROLES)
    return Log(
        users=pl.read_parquet(directory / "users.parquet"),
        items=pl.read_parquet(directory / "items.parquet"),
        user=user,
        item=item,
        time=time,
        columns={name.removeprefix("column."): Column.pack(pl.read_parquet(file, columns=[name])[name]) for name in names},
        in_history=in_history,
    )
