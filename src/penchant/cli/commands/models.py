"""`penchant models`: the bundles of a home, which of them is the champion, and who made it that."""

import getpass
from pathlib import Path
from typing import Any, Literal

from penchant.cli.bundle import read_bundle
from penchant.cli.commands.serve import bundles_of, serving_settings
from penchant.cli.home import HomeFolder
from penchant.cli.terminal import Terminal
from penchant.serving.canary import Canary, compare_metrics, try_engine
from penchant.serving.engine import BundleEngine
from penchant.serving.models import ALIAS
from penchant.serving.refusal import PromotionRefusedError
from penchant.storage.bundles import BundleStore

CHANGES_SHOWN = 10
FOLLOWS = "a server that runs on this home follows within seconds, once it has tried it on what users ask"


def run(
    terminal: Terminal, recipe: Path, home: Path | None, action: Literal["list", "promote", "rollback"], version: str | None = None
) -> None:
    """List, promote or roll back."""
    place = HomeFolder.of(recipe, home)
    if action == "promote":
        assert version is not None
        _promote(terminal, recipe, place, version)
    elif action == "rollback":
        earlier = place.bundles().rollback(ALIAS, _who())
        terminal.line("rollback", f"bundle {earlier} is {ALIAS} again; {FOLLOWS}")
        terminal.result(bundle=earlier, alias=ALIAS)
    else:
        _list(terminal, place.bundles())


def _promote(terminal: Terminal, recipe: Path, place: HomeFolder, version: str) -> None:
    """Raises PromotionRefusedError or BundleRefusedError; the alias has not moved then."""
    store = place.bundles()
    try:
        canary = _tried(recipe, place, store, version)
    except PromotionRefusedError as error:
        store.audit.append("refused", by=_who(), alias=ALIAS, version=version, before=store.aliases().get(ALIAS), code=error.code)
        raise
    overlap = "" if canary.overlap is None else f"  {canary.overlap:.0%} of the items listed now"
    terminal.line("canary", f"{canary.requests} requests  99 of 100 within {canary.p99_ms:.1f} ms{overlap}")
    store.promote(ALIAS, version, _who())
    terminal.line("promote", f"bundle {version} is {ALIAS}; {FOLLOWS}")
    terminal.result(bundle=version, alias=ALIAS, canary=vars(canary))


def _tried(recipe: Path, place: HomeFolder, store: BundleStore, version: str) -> Canary:
    store.look(version)  # a version, not an alias
    candidate, opened = read_bundle(place, version)
    settings = serving_settings(recipe, candidate)
    present = None
    if ALIAS in store.aliases():
        champion = store.open(ALIAS)
        compare_metrics(version, opened.metadata.metrics, champion.metadata.metrics, settings.promotion)
        present = bundles_of(place, ALIAS, None, settings).load(champion)
    return try_engine(BundleEngine(candidate, version), present, settings.promotion, settings.deadline_ms)


def _list(terminal: Terminal, store: BundleStore) -> None:
    aliases = store.aliases()
    rows: list[dict[str, Any]] = []
    for version in reversed(store.versions()):
        said = store.look(version)
        names = [alias for alias, target in aliases.items() if target == version]
        rows.append({"version": version, "aliases": names, "created": said.created, "metrics": said.metrics})
        metrics = "  ".join(f"{name} {value:.4g}" for name, value in said.metrics.items() if isinstance(value, int | float))
        terminal.line(version, f"{said.created}  {', '.join(names) or '-'}  {metrics}".rstrip())
    changes = store.audit.newest(CHANGES_SHOWN)
    for change in changes:
        moved = f"{change.get('alias')} {change.get('before') or '-'} to {change.get('version')}"
        code = f" ({change['code']})" if "code" in change else ""
        terminal.line("changed", f"{change.get('time')}  {change.get('action')}{code}  {moved}  by {change.get('by')}")
    terminal.result(models=rows, changes=changes)


def _who() -> str:
    """For the audit trail."""
    try:
        return f"{getpass.getuser()} on the command line"
    except (OSError, KeyError):  # an account without a name
        return "the command line"
