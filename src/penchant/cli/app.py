"""The commands and their options; what each does lies in `commands/`, loaded when it runs.

Exit codes: 0 done · 1 another mistake of the caller, or data that training would refuse (check) · 2 recipe or usage · 3 data ·
4 unknown target · 5 not fitted · 6 bundle · 7 storage · 8 address · 9 the gate or the canary refused ·
130 interrupted (training can be resumed).
"""

import logging
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from penchant.cli.terminal import Terminal
from penchant.schema.errors import PenchantError, StorageError
from penchant.schema.language import Language
from penchant.schema.likeness import By, Friends, Space
from penchant.schema.rankers import RankerName

app = typer.Typer(
    name="penchant",
    help="From an event log to served recommendations.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

GOES_ON = {
    "train": "go on with: penchant train RECIPE --resume",
    "recommend": "with --out, the same command goes on from here",
    "tune": "the same command goes on from here",
    "compare": "the same command goes on with tuning from here",
}

RecipePath = Annotated[Path, typer.Argument(help="The recipe (TOML).")]
Home = Annotated[
    Path | None, typer.Option(help="Folder of bundles, checkpoints, reports, state; 'penchant' beside the recipe when absent.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines for people.")]
Packed = Annotated[bool, typer.Option("--packed", help="Take the events from the packed log in the home; the sources are not read.")]
PackedIn = Annotated[Path | None, typer.Option(help="Take the events from the packed log in this folder.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show a traceback when something fails.")]


def _run(command: str, debug: bool, as_json: bool, **options: Any) -> None:
    """Load a command, run it, and turn every mistake into one line and its exit code."""
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, format="%(levelname)s %(name)s %(message)s", stream=sys.stderr)
    terminal = Terminal(as_json)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin while they wait starve whatever else runs here
    try:
        from penchant.cli.encoding import encoding_shown  # numpy is loaded when a command runs, not for --help

        with encoding_shown(terminal):
            import_module(f"penchant.cli.commands.{command}").run(terminal, **options)
    except PenchantError as error:
        if debug:
            raise
        terminal.fail(error)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        if debug:
            raise
        terminal.note(f"stopped  {GOES_ON.get(command, '')}".rstrip())
        raise typer.Exit(130) from None
    except BrokenPipeError:  # whoever read our lines has seen enough
        raise
    except OSError as error:
        if debug:
            raise
        do = "Check the path, who owns it, and the free space."
        unusable = StorageError(f"'{error.filename or command}'", must="usable", came=f"'{error.strerror or error}'", do=do)
        terminal.fail(unusable)
        raise typer.Exit(unusable.exit_code) from None


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(help="A folder with your files.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a recipe that is there.")] = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Look at the files in a folder, write recipe.toml, and say what was guessed and how sure that is."""
    _run("init", debug, json, directory=directory, force=force)


@app.command()
def check(
    recipe: RecipePath,
    rejected: Annotated[
        Path | None, typer.Option(help="Folder for the rows that cleaning leaves out; 'rejected' in the home when absent.")
    ] = None,
    home: Home = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Count and locate defects in the data; write a report. Exit code 1 when training would refuse the data."""
    _run("check", debug, json, recipe=recipe, home=home, rejected=rejected)


@app.command()
def pack(
    recipe: RecipePath,
    out: Annotated[Path | None, typer.Option(help="Folder of the packed log; 'packed' in the home when absent.")] = None,
    append: Annotated[
        list[str] | None, typer.Option(help="A file of newer events to add, read as the recipe reads its own; may be repeated.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a packed log that is there.")] = False,
    home: Home = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Pack events, more than fit in memory if need be, for train --packed; or add newer ones without rewriting the past."""
    _run("pack", debug, json, recipe=recipe, home=home, out=out, append=append or [], force=force)


@app.command()
def train(
    recipe: RecipePath,
    home: Home = None,
    packed: Packed = False,
    packed_in: PackedIn = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint of an interrupted run.")] = False,
    seed: Annotated[int | None, typer.Option(help="In place of the recipe's seed.")] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Train, judge on the newest events beside baselines, and keep a bundle when it beats popularity."""
    _run("train", debug, json, recipe=recipe, home=home, packed=packed, packed_in=packed_in, resume=resume, seed=seed)


@app.command()
def evaluate(
    recipe: RecipePath,
    home: Home = None,
    bundle: Annotated[str, typer.Option(help="Version or alias.")] = "champion",
    packed: Packed = False,
    packed_in: PackedIn = None,
    folds: Annotated[
        bool, typer.Option("--folds", help="Judge the recipe by cross-validation as its [split] says; needs no bundle.")
    ] = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Judge a bundle on the recipe's test part, or the recipe by cross-validation, beside baselines; write the report."""
    _run("evaluate", debug, json, recipe=recipe, home=home, bundle=bundle, packed=packed, packed_in=packed_in, folds=folds)


@app.command()
def tune(
    recipe: RecipePath,
    trials: Annotated[int, typer.Option(min=1, help="Settings tried; the recipe's own are the first.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Of what is proposed.")] = 0,
    home: Home = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Choose settings on the validation part and write them as a recipe beside this one; the same command goes on when stopped."""
    _run("tune", debug, json, recipe=recipe, home=home, trials=trials, seed=seed)


@app.command()
def compare(
    recipes: Annotated[list[Path], typer.Argument(help="Recipes (TOML) of the same data, the one in question first.")],
    trials: Annotated[int, typer.Option(min=1, help="Settings tried for each model; 1 = the recipes' own.")] = 1,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each model that learns from a random start.")] = 1,
    home: Home = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Judge models side by side on the same queries, equally tuned; write one report."""
    _run("compare", debug, json, recipes=recipes, home=home, trials=trials, seeds=seeds)


@app.command()
def recommend(
    recipe: RecipePath,
    users: Annotated[str, typer.Option(help="User ids with commas between, or 'all'.")],
    k: Annotated[int, typer.Option("-k", "--items", help="Items per user.")] = 10,
    out: Annotated[Path | None, typer.Option(help="A .parquet, .csv or .jsonl file; an interrupted run goes on where it stopped.")] = None,
    scenario: Annotated[
        str | None, typer.Option(help="Value of the scenario column; of several 'device=phone,tab=1'. The most frequent when absent.")
    ] = None,
    context: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of a context column; may be repeated.")] = None,
    include_seen: Annotated[bool, typer.Option("--include-seen", help="Items the user had before may come again.")] = False,
    weights: Annotated[bool, typer.Option("--weights", help="Say what of each item matters for this user, in this context.")] = False,
    filter: Annotated[str | None, typer.Option(help='Only items that pass come, as in "item.year >= 1990"; docs/filter.md.')] = None,
    diversity: Annotated[
        float | None, typer.Option(min=0, max=1, help="How various a list is, 0 (by score alone) to 1; the recipe's when absent.")
    ] = None,
    home: Home = None,
    bundle: Annotated[str, typer.Option(help="Version or alias.")] = "champion",
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Recommend to some users, or to all into a file."""
    options: dict[str, Any] = {"k": k, "out": out, "scenario": scenario, "context": context or [], "include_seen": include_seen}
    options |= {"filter": filter, "diversity": diversity, "weights": weights}
    _run("recommend", debug, json, recipe=recipe, users=users, home=home, bundle=bundle, **options)


@app.command()
def explain(
    recipe: RecipePath,
    user: Annotated[str, typer.Option(help="The user's id; one the log does not know is a stranger.")],
    items: Annotated[str | None, typer.Option(help="Item ids with commas between; the user's best when absent.")] = None,
    k: Annotated[int, typer.Option("-k", "--best", help="How many of the user's best items, where none are named.")] = 3,
    scenario: Annotated[
        str | None, typer.Option(help="Value of the scenario column; of several 'device=phone,tab=1'. The most frequent when absent.")
    ] = None,
    context: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of a context column; may be repeated.")] = None,
    share: Annotated[float | None, typer.Option(min=0, max=1, help="Leave out causes with less of the effects; the recipe's.")] = None,
    history: Annotated[int | None, typer.Option(min=1, help="Newest events told one by one; the recipe's when absent.")] = None,
    method: Annotated[
        Literal["leave_one_out", "gradients"], typer.Option(help="Ask again without each cause; or integrated gradients (needs captum).")
    ] = "leave_one_out",
    language: Annotated[Language | None, typer.Option(help="Of the words; the recipe's when absent.")] = None,
    home: Home = None,
    bundle: Annotated[str, typer.Option(help="Version or alias.")] = "champion",
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Tell what moved the scores of items for a user: events, profile, circumstances and columns of the items."""
    options: dict[str, Any] = {"items": items, "k": k, "scenario": scenario, "context": context or [], "share": share, "history": history}
    _run("explain", debug, json, recipe=recipe, user=user, method=method, language=language, home=home, bundle=bundle, **options)


@app.command()
def similar(
    recipe: RecipePath,
    items: Annotated[str | None, typer.Option(help="Item ids with commas between.")] = None,
    users: Annotated[str | None, typer.Option(help="User ids with commas between, in place of items.")] = None,
    k: Annotated[int, typer.Option("-k", "--neighbours", help="Neighbours of each.")] = 10,
    space: Annotated[Space | None, typer.Option(help="In what they are alike; the model's own way when absent.")] = None,
    by: Annotated[By | None, typer.Option(help="How that is measured; cosine, or the model's own way, when absent.")] = None,
    friends: Annotated[Friends, typer.Option(help="Of users: all, those known to be related alone, or none of them.")] = "any",
    home: Home = None,
    bundle: Annotated[str, typer.Option(help="Version or alias.")] = "champion",
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Tell which items, or which users, are most like some."""
    options = {"items": items, "users": users, "k": k, "space": space, "by": by, "friends": friends}
    _run("similar", debug, json, recipe=recipe, home=home, bundle=bundle, **options)


@app.command()
def serve(
    recipe: RecipePath,
    host: Annotated[str, typer.Option(help="Address to listen on; another than this machine's own needs a key.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 = a free one.")] = 8090,
    home: Home = None,
    bundle: Annotated[str, typer.Option(help="Version or alias.")] = "champion",
    no_key: Annotated[bool, typer.Option("--no-key", help="Let everybody on this machine in.")] = False,
    ranker: Annotated[RankerName | None, typer.Option(help="What judges candidates; the recipe's serving.ranker when absent.")] = None,
    log_format: Annotated[
        Literal["json", "text", "faults"],
        typer.Option(help="Lines on stderr, one per request and fault, without personal data; or faults only."),
    ] = "json",
    drain: Annotated[
        float, typer.Option(min=0, max=2, help="Seconds between SIGTERM, from when /health/ready is 503, and the end of listening.")
    ] = 1.0,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Answer over HTTP, with a playground at /, counters at /metrics and health at /health/ready.

    Each recommendation is answered within the recipe's serving.deadline_ms: by the model, or from memory when it is late or fails
    (`degraded`, with a `reason`). What the service keeps is in the home's state folder: see penchant backup and penchant restore.
    SIGTERM lets requests finish and ends within 10 s.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # torch.set_num_threads speaks for its own thread only, and the engine has another
    _run(
        "serve",
        debug,
        json,
        recipe=recipe,
        host=host,
        port=port,
        home=home,
        bundle=bundle,
        with_key=not no_key,
        ranker=ranker,
        log_format=log_format,
        drain=drain,
    )


@app.command()
def backup(
    recipe: RecipePath,
    target: Annotated[Path, typer.Argument(help="The folder to make.")],
    home: Home = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Copy the service's events, users, items and keys, also while it runs.

    Bundles are folders that never change: copy them as they are.
    """
    _run("backup", debug, json, recipe=recipe, target=target, home=home)


@app.command()
def restore(
    recipe: RecipePath,
    backup: Annotated[Path, typer.Argument(help="A folder made by penchant backup.")],
    force: Annotated[bool, typer.Option("--force", help="Replace what is there; it is kept beside.")] = False,
    home: Home = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Put a backup, verified byte by byte, in the place of a stopped service's events, users, items and keys."""
    _run("restore", debug, json, recipe=recipe, backup=backup, home=home, force=force)


models_app = typer.Typer(
    name="models",
    help="Bundles of a home: which there are, which answers, and who changed that.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(models_app)


@models_app.command("list")
def list_models(recipe: RecipePath, home: Home = None, json: Json = False, debug: Debug = False) -> None:
    """Every version with its aliases and metrics, and who moved an alias lately."""
    _run("models", debug, json, recipe=recipe, home=home, action="list")


@models_app.command()
def promote(
    recipe: RecipePath,
    version: Annotated[str, typer.Argument(help="The version.")],
    home: Home = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Try a version and make it the champion; a running server follows once it has tried it too. Exit code 9 when it is refused."""
    _run("models", debug, json, recipe=recipe, home=home, action="promote", version=version)


@models_app.command()
def rollback(recipe: RecipePath, home: Home = None, json: Json = False, debug: Debug = False) -> None:
    """Go back to the champion before; a running server follows."""
    _run("models", debug, json, recipe=recipe, home=home, action="rollback")


@app.command()
def demo(
    home: Annotated[Path, typer.Option(help="Where the demo keeps its data, bundle and state.")] = Path("runs/demo"),
    once: Annotated[bool, typer.Option("--once", help="Ask the server, show the lists, and stop.")] = False,
    port: Annotated[int, typer.Option(help="Port; 0 = a free one.")] = 8090,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """MovieLens-100K from download to served recommendations."""
    _run("demo", debug, json, home=home, once=once, port=port)


@app.command()
def doctor(
    recipe: Annotated[Path | None, typer.Argument(help="A recipe whose home and bundles are looked at too.")] = None,
    home: Home = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Look at this machine, the installed packages and a home, and name what is wrong."""
    _run("doctor", debug, json, recipe=recipe, home=home)


def main() -> None:
    """Entry point of the `penchant` command."""
    app()
