"""`penchant recommend`: some users on the terminal, or all into a file."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl

from penchant.cli.bundle import read_bundle
from penchant.cli.home import HomeFolder
from penchant.cli.terminal import Terminal
from penchant.cli.titles import titled
from penchant.models.feature_weights import weighed_task
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.recommender import Recommender
from penchant.schema.errors import DataError, RecipeError, TargetError, UnsupportedError, did_you_mean
from penchant.storage.bundles import Bundle

USERS_AT_ONCE = 1024
WRITERS = {".parquet": "write_parquet", ".csv": "write_csv", ".jsonl": "write_ndjson"}
CLOCK = ("time", "timestamp")


@dataclass(frozen=True)
class Question:
    """What is asked for every user."""

    k: int
    context: dict[str, Any]
    scenario: str | None
    exclude_seen: bool
    filter: str | None = None
    diversity: float | None = None

    def ask(self, model: Recommender, users: Sequence[str]) -> pl.DataFrame:
        """The model's `recommend`."""
        asked: dict[str, Any] = {"filter": self.filter, "diversity": self.diversity}
        return model.recommend(users, self.k, context=self.context, scenario=self.scenario, exclude_seen=self.exclude_seen, **asked)


@dataclass(frozen=True)
class Weights:
    """What of each recommended item matters for its user.

    Attributes:
        task: Whose score they add up to.
        found: The weights of each pair, the strongest first: `{(user_id, item_id): [{feature, weight, share, nothing}]}`.
    """

    task: str
    found: dict[tuple[str, str], list[dict[str, Any]]]

    @classmethod
    def of(cls, model: Recommender, question: Question, frame: pl.DataFrame) -> "Weights":
        """Of the lists in a frame.

        Raises:
            UnsupportedError: for a model that reads no features of items.
        """
        if not isinstance(model, NetworkRecommender):
            do = "Leave --weights out, or train the network on a recipe with features of items."
            raise UnsupportedError("--weights", must="asked of the network", came=f"a {type(model).__name__}", do=do)
        users, items = frame["user_id"].to_list(), frame["item_id"].to_list()
        weights = model.feature_weights(users, items, question.context, question.scenario)
        found: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for row in weights.iter_rows(named=True):
            found.setdefault((row.pop("user_id"), row.pop("item_id")), []).append(row)
        return cls(weighed_task(model), found)

    def beside(self, row: dict[str, Any]) -> dict[str, Any]:
        """What JSON says of a recommendation."""
        weights = self.found[row["user_id"], row["item_id"]]
        told = [{name: each[name] for name in ("feature", "weight", "share")} for each in weights]
        return {"weights": told, "nothing": weights[0]["nothing"]}

    def line(self, row: dict[str, Any]) -> str:
        """The same for people."""
        weights = self.found[row["user_id"], row["item_id"]]
        return "  ".join(f"{each['feature']} {each['weight']:+.3f} ({each['share']:.0%})" for each in weights)


def run(
    terminal: Terminal,
    recipe: Path,
    users: str,
    k: int,
    out: Path | None,
    scenario: str | None,
    context: list[str],
    include_seen: bool,
    weights: bool,
    filter: str | None,
    diversity: float | None,
    home: Path | None,
    bundle: str,
) -> None:
    """Recommend on the terminal or into a file."""
    if out is not None and out.suffix not in WRITERS:
        raise DataError(f"--out '{out}'", must=f"a file ending in {', '.join(WRITERS)}", came=f"'{out.suffix}'", do="Choose one of these.")
    if weights and out is not None:
        raise DataError("--weights", must="asked for without --out", came=f"--out '{out}'", do="Leave --out out, and take --json.")
    model, opened = read_bundle(HomeFolder.of(recipe, home), bundle)
    exclude_seen = model.recipe_.serving.exclude_seen and not include_seen
    question = Question(k, read_context(model, context), read_scenario(model, scenario), exclude_seen, filter, diversity)
    asked, unknown = _users(terminal, model, users)
    if out is None:
        frame = question.ask(model, asked)
        told = Weights.of(model, question, frame) if weights else None
        _show(terminal, model, frame, told)
        rows = [row | (told.beside(row) if told else {}) for row in frame.iter_rows(named=True)]
        more = {"weights_of": told.task} if told else {}
        terminal.result(model_version=opened.version, unknown_users=unknown, **more, recommendations=rows)
        return
    written = _to_file(terminal, model, opened, question, asked, out)
    terminal.line("wrote", f"{out}  {written:,} rows for {len(asked):,} users")
    terminal.result(model_version=opened.version, unknown_users=unknown, out=str(out), rows=written)


def _users(terminal: Terminal, model: Recommender, users: str) -> tuple[list[str], list[str]]:
    """The users meant, and those among them that the log does not know."""
    log = model.log_.users["user_id"].to_list()
    if users == "all":
        return log, []
    asked = [name.strip() for name in users.split(",") if name.strip()]
    if not asked:
        raise TargetError("--users", must="user ids with commas between, or 'all'", came=repr(users), do="For example: --users 1,2,3")
    known = set(log)
    unknown = [name for name in asked if name not in known]
    if unknown:
        came, do = f"{len(unknown):,} of {len(asked):,} users it does not hold", "Such users get what suits everybody."
        told = TargetError(f"user '{unknown[0]}'", must="in the log to be known", came=came, do=do)
        terminal.note(f"note     {told}")
    return asked, unknown


def read_context(model: Recommender, pairs: list[str]) -> dict[str, Any]:
    """Circumstances as `NAME=VALUE`. Raises TargetError and RecipeError."""
    values: dict[str, Any] = {}
    parts = model.recipe_.features.context.items()
    known = {*CLOCK, *(column for name, part in parts for column in part.reads(name))}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign:
            raise RecipeError(f"--context '{pair}'", must="NAME=VALUE", came="no '='", do="For example: --context device=phone")
        if name not in known:
            raise TargetError(f"--context '{name}'", must="a context column", came="another name", do=did_you_mean(name, known))
        values[name] = _seconds(value) if name in CLOCK else value
    return values


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        do = "For example: --context time=1650888000"
        raise TargetError("--context 'time'", must="seconds since 1970", came=f"'{text}'", do=do) from None


def read_scenario(model: Recommender, scenario: str | None) -> str | None:
    """The scenario named, checked; None leaves it to the model. Of several columns any combination of them will do."""
    settings = model.recipe_.scenario
    if len(settings.named) > 1:
        settings.values(scenario)
        return scenario
    known = model.scenarios()
    if scenario is not None and scenario not in known:
        came = "a name it does not hold" if scenario.strip() else "an empty name"
        do = did_you_mean(scenario, known) if known else "Leave --scenario out: the recipe has one scenario."
        raise TargetError(f"scenario '{scenario}'", must="a scenario of the training data", came=came, do=do)
    return scenario


def _show(terminal: Terminal, model: Recommender, frame: pl.DataFrame, weights: Weights | None) -> None:
    for (user,), part in titled(model, frame, "item_id").group_by("user_id", maintain_order=True):
        lines: list[str] = []
        for row in part.iter_rows(named=True):
            lines.append(f"{row['rank']:>3}  {row['item_id']:<10} {row['score']:8.3f}  {row.get('title') or ''}".rstrip())
            lines += [f"{'':<5}{weights.line(row)}"] if weights else []
        terminal.line("user", f"{user}\n" + "\n".join(lines))
    if weights:
        terminal.line("weights", f"what each feature of the item adds to the score of '{weights.task}', and its share of all of them")


def _to_file(terminal: Terminal, model: Recommender, opened: Bundle, question: Question, users: list[str], out: Path) -> int:
    """Blocks of users, each a file of its own until all are there: an interrupted run finds the blocks it has."""
    # Parts of another question or bundle must not be mixed in; a version number alone may mean another bundle by now.
    asked = sha256(repr((opened.version, opened.metadata, question, users)).encode()).hexdigest()[:16]
    parts = out.parent / f".{out.name}.{asked}"
    parts.mkdir(parents=True, exist_ok=True)
    blocks = [users[start : start + USERS_AT_ONCE] for start in range(0, len(users), USERS_AT_ONCE)]
    started = time.monotonic()
    for place, block in enumerate(blocks):
        path = parts / f"{place:06d}.parquet"
        if not path.exists():
            question.ask(model, block).write_parquet(path.with_suffix(".new"))
            path.with_suffix(".new").replace(path)
        terminal.progress("users", place + 1, len(blocks), f"{min((place + 1) * USERS_AT_ONCE, len(users)):,} of {len(users):,}", started)
    frame = pl.concat([pl.read_parquet(parts / f"{place:06d}.parquet") for place in range(len(blocks))])
    getattr(frame, WRITERS[out.suffix])(out)
    for path in parts.iterdir():
        path.unlink()
    parts.rmdir()
    return len(frame)
