"""`penchant explain`: what moved the scores of some items for a user."""

from pathlib import Path
from typing import Any

import polars as pl

from penchant.cli.bundle import read_bundle
from penchant.cli.commands.recommend import read_context, read_scenario
from penchant.cli.home import HomeFolder
from penchant.cli.terminal import Terminal
from penchant.cli.titles import titled
from penchant.models.recommender import Method, Recommender
from penchant.schema.errors import TargetError
from penchant.schema.language import Language

BAR = 20  # characters of the longest bar


def run(
    terminal: Terminal,
    recipe: Path,
    user: str,
    items: str | None,
    k: int,
    scenario: str | None,
    context: list[str],
    share: float | None,
    history: int | None,
    method: Method,
    language: Language | None,
    home: Path | None,
    bundle: str,
) -> None:
    """Explain on the terminal."""
    model, opened = read_bundle(HomeFolder.of(recipe, home), bundle)
    asked: dict[str, Any] = {"context": read_context(model, context), "scenario": read_scenario(model, scenario)}
    names = _ids(items) if items is not None else model.recommend([user], k, **asked)["item_id"].to_list()
    told: dict[str, Any] = {"share": share, "history": history, "method": method, "language": language}
    frame = model.explain([user] * len(names), names, **asked, **told)
    _show(terminal, titled(model, pl.DataFrame({"item_id": names}), "item_id"), frame)
    added = "integrated gradients, which add up" if method == "gradients" else "the score with a cause less the score without it"
    terminal.line("effects", f"{added}; {_tells(model)}")
    terminal.result(model_version=opened.version, user=user, method=method, tells=model.tells, causes=frame.to_dicts())


def _tells(model: Recommender) -> str:
    return "of the past alone, as the model reads nothing else" if model.tells == ["history"] else f"of {', '.join(model.tells)}"


def _ids(items: str) -> list[str]:
    ids = [name.strip() for name in items.split(",") if name.strip()]
    if not ids:
        raise TargetError("--items", must="item ids with commas between", came=repr(items), do="For example: --items 50,181")
    return ids


def _show(terminal: Terminal, items: pl.DataFrame, frame: pl.DataFrame) -> None:
    for item in items.unique(maintain_order=True).iter_rows(named=True):
        lines = [f"{item['item_id']}  {item.get('title') or ''}".rstrip()]
        own = frame.filter(pl.col("item_id") == item["item_id"])
        longest = max((abs(effect) for effect in own["effect"]), default=1.0)
        for row in own.iter_rows(named=True):
            bar = "#" * max(round(BAR * abs(row["effect"]) / longest), 1)
            lines.append(f"{row['effect']:+8.3f}  {bar:<{BAR}}  {row['text']}")
        terminal.line("item", "\n".join(lines if len(lines) > 1 else [*lines, "nothing moved its score"]))
