"""The rivals on KuaiRand: what each is, the settings tried on 30 April, and how one is run in its own environment.

    python benchmarks/tune_kuairand.py --peers FOLDER [RIVAL …]

tries what is not on record in results/kuairand-trials.jsonl yet; the study takes the best of the record. Ten trials each, seed 0; LightGBM
one more, with fewer numbers, because an earlier recipe with fewer had served it better on the days that judge.
"""

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studies.kuairand_days import what_is_read
from studies.study import mark_of

HERE = Path(__file__).resolve().parent
SCRIPTS = HERE.parent / "peers"
TRIALS = HERE.parent / "results" / "kuairand-trials.jsonl"
LEARNT = ("click", "long_view", "like")
CRITERION = ("click", "long_view")
"""A network for all tasks is chosen by the mean AUC of these; a model per task by its own."""
MOST = 11

Setting = Mapping[str, Any]
Trial = dict[str, Any]


@dataclass(frozen=True)
class Rival:
    """One rival.

    Attributes:
        environment: The folder of its virtual environment.
        script: In peers/, without its ending.
        told: What its script is told whatever the setting.
        trials: The settings tried.
        apart: Whether each task has a model, and so a setting, of its own.
        seeded: Whether it starts at random.
    """

    environment: str
    script: str
    told: Setting
    trials: Sequence[Setting]
    apart: bool = False
    seeded: bool = True
    instructions: str = field(default="")


def _trees(leaves: int, rate: float, columns: float, least: int, l2: float, rounds: int, **more: Any) -> Setting:
    return {
        "num_leaves": leaves, "learning_rate": rate, "feature_fraction": columns, "min_data_in_leaf": least, "lambda_l2": l2,
        "rounds": rounds, **more,
    }  # fmt: skip


def _net(rate: float, epochs: int, dropout: float, decay: float, width: int, **more: Any) -> Setting:
    return {"rate": rate, "epochs": epochs, "dropout": dropout, "decay": decay, "width": width, "embedding": 8, **more}


TREES = (
    _trees(15, 0.05, 0.4, 100, 10, 400),
    _trees(31, 0.03, 0.4, 200, 10, 500),
    _trees(7, 0.08, 0.4, 100, 10, 400),
    _trees(31, 0.05, 0.2, 200, 30, 400),
    _trees(15, 0.03, 0.2, 100, 10, 600),
    _trees(15, 0.05, 0.4, 100, 10, 400, history=False),
    _trees(31, 0.03, 0.2, 100, 100, 500),
    _trees(31, 0.05, 0.4, 200, 30, 400, extra_trees=True),
    _trees(15, 0.05, 0.2, 400, 100, 400, path_smooth=10.0),
    _trees(63, 0.03, 0.3, 400, 30, 400),
    _trees(15, 0.03, 0.2, 100, 10, 600, counters=False),
)


def _nets(weak: float, strong: float) -> tuple[Setting, ...]:
    """Networks by epochs, learning rate, dropout, width and decay of weights (Torch-RecHub) or of embeddings (FuxiCTR)."""
    return (
        _net(1e-3, 1, 0.2, weak, 256),
        _net(3e-3, 2, 0.2, weak, 256),
        _net(3e-3, 3, 0.4, weak, 256),
        _net(1e-3, 3, 0.2, weak, 256, batch=512),
        _net(3e-3, 2, 0.4, strong, 256, batch=512),
        _net(1e-2, 2, 0.4, strong, 128),
        _net(3e-3, 3, 0.4, weak, 256, history=False),
        _net(1e-3, 5, 0.5, strong, 256),
        _net(2e-3, 2, 0.3, strong, 256),
        _net(3e-3, 1, 0.2, weak, 256, batch=512),
    )


TOGETHER, APART = _nets(0.01, 0.1), _nets(1e-6, 1e-5)
PLAIN = {"tasks": list(LEARNT)}
INSTALL = "python -m venv PEERS/{0} && PEERS/{0}/bin/pip install {1}, then --peers PEERS"

RIVALS = {
    "lightgbm": Rival("lgb", "kuairand_lightgbm", {}, TREES, apart=True, seeded=False, instructions="lightgbm==4.6.0 scikit-learn"),
    "mmoe": Rival("rechub", "kuairand_rechub", PLAIN | {"model": "mmoe"}, TOGETHER, instructions="torch-rechub==0.9.0"),
    "ple": Rival("rechub", "kuairand_rechub", PLAIN | {"model": "ple"}, TOGETHER, instructions="torch-rechub==0.9.0"),
    "ppnet": Rival("rechub", "kuairand_rechub", PLAIN | {"model": "ppnet"}, TOGETHER, instructions="torch-rechub==0.9.0"),
    "dcn_v2": Rival("fuxi", "kuairand_fuxictr", PLAIN | {"model": "dcn_v2"}, APART, apart=True, instructions="fuxictr==2.3.10"),
    "finalmlp": Rival("fuxi", "kuairand_fuxictr", PLAIN | {"model": "finalmlp"}, APART, apart=True, instructions="fuxictr==2.3.10"),
}


def missing(rival: str, peers: Path | None) -> str | None:
    """Why a rival cannot be run here, in one line; None where it can."""
    each = RIVALS[rival]
    if peers is not None and (peers / each.environment / "bin" / "python").exists():
        return None
    how = INSTALL.format(each.environment, each.instructions)
    return f"{rival}: skipped, no environment '{each.environment}' in --peers ({how})"


def run(rival: str, peers: Path, folder: Path, settings: Setting) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Probabilities `[impressions of the day, tasks]`, NaN where the rival learns no such task, and what it told.

    Raises:
        RuntimeError: with the end of what it printed, when it fails.
    """
    python = (peers / RIVALS[rival].environment / "bin" / "python").absolute()
    with tempfile.TemporaryDirectory() as out:
        words = [str(python), str(SCRIPTS / f"{RIVALS[rival].script}.py"), str(folder), out, json.dumps(settings)]
        ran = subprocess.run(words, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise RuntimeError(f"{rival}: {ran.stderr[-2000:]}")
        return np.load(Path(out) / "predictions.npy"), json.loads((Path(out) / "told.json").read_text(encoding="utf8"))


def trials(rival: str) -> list[Trial]:
    """What was tried on 30 April with today's features, oldest first.

    Each has `rival`, `read` (the mark of the features), `setting`, `auc` by task, for trees `rounds` by task, and `cpu_seconds`.
    """
    lines = TRIALS.read_text(encoding="utf8").splitlines() if TRIALS.is_file() else []
    read = mark_of(what_is_read())
    return [trial for trial in map(json.loads, lines) if (trial["rival"], trial["read"]) == (rival, read)]


def untried(rival: str) -> list[Setting]:
    """The settings of which there is no record yet."""
    known = [trial["setting"] for trial in trials(rival)]
    return [setting for setting in RIVALS[rival].trials if dict(setting) not in known][: MOST - len(known)]


def order(rival: str, settings: Mapping[str, Setting], seed: int) -> dict[str, Any]:
    """What the script is told, given the setting of each task; follow, which nothing was tuned for, has that of like."""
    each = RIVALS[rival]
    if not each.apart:
        return {**each.told, **settings[LEARNT[0]], "seed": seed}
    if not each.seeded:
        return {**each.told, "tasks": {**settings, "follow": settings["like"]}}
    return {**each.told, "own": {task: {**setting, "seed": seed} for task, setting in settings.items()}}


def chosen(rival: str) -> dict[str, Setting]:
    """The best setting on record of each task; the same for all where one model learns them all.

    Raises:
        RuntimeError: when nothing was tried yet.
    """
    tried = trials(rival)
    if not tried:
        raise RuntimeError(f"{rival}: nothing tuned yet. Run: python benchmarks/tune_kuairand.py --peers PEERS {rival}")
    if not RIVALS[rival].apart:
        best = max(tried, key=lambda trial: sum(trial["auc"][task] for task in CRITERION))
        return dict.fromkeys(LEARNT, best["setting"])
    found = {}
    for task in LEARNT:
        best = max(tried, key=lambda trial: trial["auc"][task])
        found[task] = {**best["setting"], **({"rounds": best["rounds"][task]} if "rounds" in best else {})}
    return found
