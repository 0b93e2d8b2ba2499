"""`penchant recommend`: some users on the terminal, or all into a file."""

import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl

from penchant.cli.bundle import read_bundle
from penchant.cli.home import HomeFolder
from penchant.cli.terminal import Terminal
from penchant.models.network_recommender import NetworkRecommender
from penchant.schema.errors import DataError, RecipeError, TargetError

USERS_AT_ONCE = 1024
WRITERS = {".parquet": "write_parquet", ".csv": "write_csv", ".jsonl": "write_ndjson"}


def run(
    terminal: Terminal,
    recipe: Path,
    users: str,
    k: int,
    out: Path | None,
    scenario: str | None,
    context: list[str],
    include_seen: bool,
    home: Path | None,
    bundle: str,
) -> None:
    if out is not None and out.suffix not in WRITERS:
        raise DataError(f"--out '{out}'", must=f"a file ending in {', '.join(WRITERS)}", came=f"'{out.suffix}'", do="Choose one of these.")
    model, version = read_bundle(HomeFolder.of(recipe, home), bundle)
    asked = model.log_.users["user_id"].to_list() if users == "all" else [name.strip() for name in users.split(",") if name.strip()]
    if not asked:
        raise TargetError("--users", must="user ids with commas between, or 'all'", came=repr(users), do="For example: --users 1,2,3")
    _check_scenario(model, scenario)
    options = {"context": _context(context), "scenario": scenario, "exclude_seen": not include_seen}
    if out is None:
        frame = model.recommend(asked, k, **options)
        _show(terminal, model, frame)
        terminal.result(model_version=version, recommendations=frame.to_dicts())
        return
    written = _to_file(terminal, model, asked, k, out, version, options)
    terminal.line("wrote", f"{out}  {written:,} rows for {len(asked):,} users")
    terminal.result(model_version=version, out=str(out), rows=written)


def _context(pairs: list[str]) -> dict[str, Any]:
    values = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign:
            raise RecipeError(f"--context '{pair}'", must="NAME=VALUE", came="no '='", do="For example: --context device=phone")
        values[name] = float(value) if name in ("time", "timestamp") else value
    return values


def _check_scenario(model: NetworkRecommender, scenario: str | None) -> None:
    if scenario is None:
        return
    features = model.features.features["scenario"]
    known = [value for feature in features.values() for value in getattr(feature, "values_", ())]
    if scenario not in known:
        raise TargetError(f"scenario '{scenario}'", must="a scenario of the training data", came="an unknown one", do=f"Known: {', '.join(known) or 'none'}.")


def _show(terminal: Terminal, model: NetworkRecommender, frame: pl.DataFrame) -> None:
    title = model.recipe.data.title
    if title:
        titles = model.items.select("item_id", pl.col(title).alias("title"))
        titles = titles.with_columns(pl.col("title").list.join(" ")) if titles.schema["title"] == pl.List else titles
        frame = frame.join(titles, on="item_id", how="left", maintain_order="left")
    for (user,), part in frame.group_by("user_id", maintain_order=True):
        lines = [f"{row['rank']:>3}  {row['item_id']:<10} {row['score']:8.3f}  {row.get('title') or ''}" for row in part.iter_rows(named=True)]
        terminal.line("user", f"{user}\n" + "\n".join(lines))


def _to_file(
    terminal: Terminal, model: NetworkRecommender, users: list[str], k: int, out: Path, version: str, options: dict[str, Any]
) -> int:
    """Blocks of users, each a file of its own until all are there: an interrupted run finds the blocks it has."""
    asked = sha256(repr((version, k, options, users)).encode()).hexdigest()[:16]  # parts of another question must not be mixed in
    parts = out.parent / f".{out.name}.{asked}"
    parts.mkdir(parents=True, exist_ok=True)
    blocks = [users[start : start + USERS_AT_ONCE] for start in range(0, len(users), USERS_AT_ONCE)]
    started = time.monotonic()
    for place, block in enumerate(blocks):
        path = parts / f"{place:06d}.parquet"
        if not path.exists():
            model.recommend(block, k, **options).write_parquet(path.with_suffix(".new"))
            path.with_suffix(".new").replace(path)
        terminal.progress("users", place + 1, len(blocks), f"{min((place + 1) * USERS_AT_ONCE, len(users)):,} of {len(users):,}", started)
    frame = pl.concat([pl.read_parquet(parts / f"{place:06d}.parquet") for place in range(len(blocks))])
    getattr(frame, WRITERS[out.suffix])(out)
    for path in parts.iterdir():
        path.unlink()
    parts.rmdir()
    return len(frame)
