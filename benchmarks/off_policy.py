"""Off-policy estimates: equal to Open Bandit Pipeline's, true as often as they say, and what they say of Open Bandit's own logs.

    python benchmarks/off_policy.py [--quick] [--json] [--data FOLDER] [--peers FOLDER] [--logs N] [--seed N]

    peers      each estimator on one simulated log beside `sb-obp`'s, where `--peers` names a folder with its virtual environment `obp`:
               the largest relative difference. Single decisions, lists of independent places, cascades.
    coverage   the share of simulated logs (200) whose 95 % interval holds the true value, and how far the mean of the estimates lies from
               it in standard errors; by estimator, for a policy near the log's and one far from it.
    open       the log of Thompson sampling (10,000 decisions) asked what the random policy is worth, and the other way round by the mean
               chances that Thompson sampling had for each item and place; beside the clicks that each policy's own log has.

The model of the direct method and of doubly robust is the mean reward of each choice, of the other half of the log. `--quick`: 60 logs.
The last line is one JSON object with --json.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from penchant.evaluation.off_policy.decisions import Decisions
from penchant.evaluation.off_policy.estimators import ESTIMATORS, Estimate, ips, snips

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "open-bandit"
CONTEXTS, ACTIONS, PLACES, ROUNDS = 20, 10, 3, 2000
PRIOR = 20.0
"""As many decisions of the overall mean are added to those of a choice."""
PEER = """
import json, sys
import numpy as np
from obp.ope import (DirectMethod, DoublyRobust, InverseProbabilityWeighting, SelfNormalizedInverseProbabilityWeighting,
    SelfNormalizedSlateRewardInteractionIPS, SlateIndependentIPS, SlateRewardInteractionIPS)
given = dict(np.load(sys.argv[1]))
n = len(given["reward"])
each = dict(reward=given["reward"], action=given["action"], position=np.zeros(n, dtype=int), pscore=given["pscore"],
    action_dist=given["action_dist"][:, :, None])
model = dict(estimated_rewards_by_reg_model=given["model"][:, :, None])
found = {
    "direct": DirectMethod().estimate_policy_value(action_dist=each["action_dist"], position=each["position"], **model),
    "ips": InverseProbabilityWeighting().estimate_policy_value(**each),
    "snips": SelfNormalizedInverseProbabilityWeighting().estimate_policy_value(**each),
    "doubly_robust": DoublyRobust().estimate_policy_value(**each, **model),
}
lists, places = given["list_reward"].shape
flat = dict(slate_id=np.repeat(np.arange(lists), places), reward=given["list_reward"].ravel(), position=np.tile(np.arange(places), lists))
found["ips independent"] = SlateIndependentIPS(len_list=places).estimate_policy_value(**flat,
    pscore_item_position=given["list_pscore"].ravel(), evaluation_policy_pscore_item_position=given["list_chance"].ravel())
cascade = dict(pscore_cascade=given["list_pscore"].cumprod(axis=1).ravel(),
    evaluation_policy_pscore_cascade=given["list_chance"].cumprod(axis=1).ravel())
found["ips cascade"] = SlateRewardInteractionIPS(len_list=places).estimate_policy_value(**flat, **cascade)
found["snips cascade"] = SelfNormalizedSlateRewardInteractionIPS(len_list=places).estimate_policy_value(**flat, **cascade)
print(json.dumps({name: float(value) for name, value in found.items()}))
"""

Floats = NDArray[np.float64]
Row = dict[str, Any]


class Bandit:
    """Contexts, choices with known rewards, a policy that logs and another.

    Args:
        far: How unlike the two policies are, 0 = the same.
    """

    def __init__(self, far: float) -> None:
        rng = np.random.default_rng(11)
        self.rewards = rng.uniform(0.02, 0.5, (CONTEXTS, ACTIONS))
        liked = rng.normal(size=(CONTEXTS, ACTIONS))
        self.logged, self.other = _soft(liked), _soft(liked + far * rng.normal(size=(CONTEXTS, ACTIONS)))
        self.truth = float((self.other * self.rewards).sum(axis=1).mean())

    def log(self, n: int, rng: np.random.Generator) -> Row:
        """n decisions: contexts, choices, rewards."""
        context = rng.integers(CONTEXTS, size=n)
        chosen = np.minimum((self.logged[context].cumsum(axis=1) < rng.random((n, 1))).sum(axis=1), ACTIONS - 1)
        reward = (rng.random(n) < self.rewards[context, chosen]).astype(float)
        return {"context": context, "action": chosen, "reward": reward}

    def decisions(self, log: Row, model: Floats) -> Decisions:
        """The log as the other policy has it, with a model's rewards `[n, choices]`."""
        context, chosen = log["context"], log["action"]
        at = np.arange(len(chosen))
        return Decisions(
            rewards=log["reward"],
            propensities=self.logged[context, chosen],
            chances=self.other[context, chosen],
            expected=model[at, chosen],
            expected_of_other=(self.other[context] * model).sum(axis=1),
        )


def _soft(values: Floats) -> Floats:
    grown = np.exp(values - values.max(axis=1, keepdims=True))
    soft: Floats = grown / grown.sum(axis=1, keepdims=True)
    return soft


def crossed(group: NDArray[np.int64], reward: Floats, groups: int) -> Floats:
    """For each decision the mean reward of every choice in the half of the log that it is not in `[n, groups]`."""
    half = np.arange(len(reward)) % 2
    found = np.zeros((len(reward), groups))
    for own in (0, 1):
        others = half != own
        count = np.bincount(group[others], minlength=groups)
        total = np.bincount(group[others], weights=reward[others], minlength=groups)
        found[half == own] = (total + PRIOR * reward[others].mean()) / (count + PRIOR)
    return found


def peers(folder: Path, seed: int) -> Row:
    """Ours beside theirs on one log."""
    rng, bandit = np.random.default_rng(seed), Bandit(0.7)
    log = bandit.log(ROUNDS, rng)
    model = crossed(log["action"], log["reward"], ACTIONS)
    decisions = bandit.decisions(log, model)
    ours = {name: estimate(decisions).value for name, estimate in ESTIMATORS.items()}
    lists = {
        "reward": rng.random((ROUNDS, PLACES)),
        "pscore": rng.uniform(0.2, 0.9, (ROUNDS, PLACES)),
        "chance": rng.uniform(0, 1, (ROUNDS, PLACES)),
    }
    told: Row = {"rewards": lists["reward"], "propensities": lists["pscore"], "chances": lists["chance"]}
    ours["ips independent"] = ips(Decisions(**told)).value
    ours["ips cascade"] = ips(Decisions(**told, between="cascade")).value
    ours["snips cascade"] = snips(Decisions(**told, between="cascade")).value
    arrays = {
        "reward": log["reward"], "action": log["action"], "pscore": decisions.propensities, "action_dist": bandit.other[log["context"]],
        "model": model, "list_reward": lists["reward"], "list_pscore": lists["pscore"], "list_chance": lists["chance"],
    }  # fmt: skip
    python = folder / "obp" / "bin" / "python"
    if not python.exists():
        return {"ours": ours, "failed": f"not compared: no environment '{python}'"}
    with tempfile.TemporaryDirectory() as kept:
        np.savez(Path(kept) / "log.npz", **arrays)
        told_by = subprocess.run([python, "-W", "ignore", "-c", PEER, Path(kept) / "log.npz"], capture_output=True, text=True, check=False)
    if told_by.returncode:
        return {"ours": ours, "failed": told_by.stderr.strip().splitlines()[-1]}
    theirs = json.loads(told_by.stdout.splitlines()[-1])
    apart = {name: abs(ours[name] / theirs[name] - 1) for name in theirs}
    return {"ours": ours, "theirs": theirs, "largest_difference": max(apart.values())}


def coverage(logs: int, seed: int) -> list[Row]:
    """How often intervals hold the truth."""
    rows = []
    for name, far in (("near", 0.3), ("far", 1.0)):
        bandit = Bandit(far)
        for estimator, estimate in ESTIMATORS.items():
            found: list[Estimate] = []
            for number in range(logs):
                log = bandit.log(ROUNDS, np.random.default_rng([seed, number]))
                found.append(estimate(bandit.decisions(log, crossed(log["action"], log["reward"], ACTIONS))))
            values = np.array([each.value for each in found])
            rows.append(
                {
                    "policy": name,
                    "estimator": estimator,
                    "truth": bandit.truth,
                    "mean": float(values.mean()),
                    "bias_in_errors": float((values.mean() - bandit.truth) / (values.std(ddof=1) / np.sqrt(logs))),
                    "root_mean_square": float(np.sqrt(((values - bandit.truth) ** 2).mean())),
                    "inside": float(np.mean([each.low <= bandit.truth <= each.high for each in found])),
                    "width": float(np.mean([each.high - each.low for each in found])),
                    "effective": float(np.mean([each.effective for each in found])),
                }
            )
    return rows


def open_bandit(folder: Path) -> list[Row]:
    """What the log of one policy says of the other."""
    logs = {name: pl.read_csv(folder / name / "all.csv.gz") for name in ("random", "bts")}
    items = int(max(log["item_id"].max() for log in logs.values())) + 1  # type: ignore[type-var, arg-type]  # integers
    places = int(max(log["position"].max() for log in logs.values()))  # type: ignore[type-var, arg-type]
    seen = logs["bts"]
    # The mean chance that Thompson sampling had for an item at a place is how often it took it there.
    shown = np.zeros((places, items))
    np.add.at(shown, (seen["position"].to_numpy() - 1, seen["item_id"].to_numpy()), 1)
    policies = {"random": np.full((places, items), 1 / items), "bts": shown / shown.sum(axis=1, keepdims=True)}
    rows = []
    for logged, other in (("bts", "random"), ("random", "bts")):
        log, truth = logs[logged], logs[other]["click"].to_numpy().astype(float)
        item, place, click = (log[name].to_numpy() for name in ("item_id", "position", "click"))
        model, chances = crossed(item, click.astype(float), items), policies[other][place - 1]
        at = np.arange(len(item))
        decisions = Decisions(
            rewards=click.astype(float),
            propensities=log["propensity_score"].to_numpy(),
            chances=chances[at, item],
            expected=model[at, item],
            expected_of_other=(chances * model).sum(axis=1),
        )
        error = 1.96 * truth.std() / np.sqrt(len(truth))
        for name, estimate in ESTIMATORS.items():
            found = estimate(decisions)
            rows.append(
                {
                    "log": logged,
                    "policy": other,
                    "estimator": name,
                    "value": found.value,
                    "low": found.low,
                    "high": found.high,
                    "effective": found.effective,
                    "mean_weight": found.mean_weight,
                    "balanced": found.balanced,
                    "own_log": float(truth.mean()),
                    "own_low": float(truth.mean() - error),
                    "own_high": float(truth.mean() + error),
                }
            )
    return rows


def show(title: str, rows: list[Row]) -> None:
    """A table."""
    table = Table(title=title)
    for name in rows[0]:
        table.add_column(name)
    for row in rows:
        table.add_row(*(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row.values()))
    Console(width=200).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--peers", type=Path, default=Path("peers"))
    parser.add_argument("--logs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    compared = peers(asked.peers, asked.seed)
    show(
        "Open Bandit Pipeline",
        [{"estimator": name, "ours": value, "theirs": compared.get("theirs", {}).get(name)} for name, value in compared["ours"].items()],
    )
    print(compared.get("failed") or f"largest relative difference {compared['largest_difference']:.1e}")
    rows = coverage(asked.logs or (60 if asked.quick else 200), asked.seed)
    show("Coverage of 95 % intervals", rows)
    found: list[Row] = []
    if (asked.data / "bts" / "all.csv.gz").exists():
        found = open_bandit(asked.data)
        show("Open Bandit", found)
    else:
        print(f"Open Bandit: not measured, no '{asked.data}'")
    if asked.json:
        print(json.dumps({"peers": compared, "coverage": rows, "open_bandit": found}))


if __name__ == "__main__":
    main()
