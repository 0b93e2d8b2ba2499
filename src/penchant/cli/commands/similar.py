"""`penchant similar`: which items are like these, or which users."""

from pathlib import Path

import polars as pl

from penchant.cli.bundle import read_bundle
from penchant.cli.home import HomeFolder
from penchant.cli.terminal import Terminal
from penchant.cli.titles import titled
from penchant.models.recommender import Recommender
from penchant.schema.errors import TargetError
from penchant.schema.likeness import By, Friends, Space


def run(
    terminal: Terminal,
    recipe: Path,
    items: str | None,
    users: str | None,
    k: int,
    space: Space | None,
    by: By | None,
    friends: Friends,
    home: Path | None,
    bundle: str,
) -> None:
    """Tell neighbours on the terminal."""
    if (items is None) == (users is None):
        came = "neither" if items is None else "both"
        raise TargetError("--items, --users", must="one of the two", came=came, do="For example: --items 50,181")
    if items is not None and friends != "any":
        raise TargetError("--friends", must="asked of users", came="--items", do="Leave it out, or ask --users.")
    model, opened = read_bundle(HomeFolder.of(recipe, home), bundle)
    asked = _ids("--items" if users is None else "--users", items if users is None else users)
    if users is None:
        frame = model.similar_items(asked, k, space=space, by=by)
        _show(terminal, "item", titled(model, frame, "other_id"), asked, model)
    else:
        frame = model.similar_users(asked, k, space=space, by=by, friends=friends)
        _show(terminal, "user", frame, asked, model)
    terminal.result(model_version=opened.version, neighbours=frame.to_dicts())


def _ids(option: str, text: str | None) -> list[str]:
    ids = [name.strip() for name in (text or "").split(",") if name.strip()]
    if not ids:
        raise TargetError(option, must="ids with commas between", came=repr(text), do=f"For example: {option} 1,2,3")
    return ids


def _show(terminal: Terminal, owner: str, frame: pl.DataFrame, asked: list[str], model: Recommender) -> None:
    column = f"{owner}_id"
    names = titled(model, pl.DataFrame({"item_id": asked}), "item_id") if owner == "item" else pl.DataFrame({"user_id": asked})
    for name in names.iter_rows(named=True):
        lines = [f"{name[column]}  {name.get('title') or ''}".rstrip()]
        for row in frame.filter(pl.col(column) == name[column]).iter_rows(named=True):
            beside = row.get("title") or ("related" if row.get("related") else "")
            lines.append(f"{row['rank']:>3}  {row['other_id']:<10} {row['score']:8.3f}  {beside}".rstrip())
        terminal.line(owner, "\n".join(lines if len(lines) > 1 else [*lines, "nothing known to be like it"]))
