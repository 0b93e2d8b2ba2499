"""`penchant serve`: a bundle over HTTP, with the playground at /."""

from pathlib import Path

from penchant.cli.bundle import read_bundle
from penchant.cli.home import HomeFolder
from penchant.cli.recipe import read_recipe
from penchant.cli.terminal import Terminal
from penchant.console.playground import Playground
from penchant.models.recommender import Recommender
from penchant.models.saved import read
from penchant.schema.errors import PenchantError
from penchant.schema.rankers import RankerName
from penchant.schema.sections.serving import ServingSettings
from penchant.serving.engine import BundleEngine
from penchant.serving.limits import Limits
from penchant.serving.logs import LogFormat
from penchant.serving.models import ALIAS, Bundles
from penchant.serving.server import Started
from penchant.serving.server import run as run_server
from penchant.storage.bundles import Bundle


def run(
    terminal: Terminal,
    recipe: Path,
    host: str,
    port: int,
    home: Path | None,
    bundle: str,
    with_key: bool,
    ranker: RankerName | None,
    log_format: LogFormat,
    drain: float,
) -> None:
    """Serve a bundle until told to stop."""
    place = HomeFolder.of(recipe, home)
    model, opened = read_bundle(place, bundle, ranker)

    def announce(started: Started) -> None:
        key = f"   key {started.key} (shown once)" if started.key else ""
        pages = f"docs {started.url}/docs   playground {started.login_url or started.url}"
        terminal.line("serve", f"{started.url}   bundle {opened.version}{key}\n{pages}")
        terminal.result(url=started.url, key=started.key, login_url=started.login_url, bundle=opened.version)

    place.state.mkdir(parents=True, exist_ok=True)
    engine = BundleEngine(model, opened.version)
    settings = serving_settings(recipe, model)
    limits = Limits(deadline=settings.deadline_ms / 1000, drain=drain, cache_seconds=settings.cache_seconds)
    run_server(
        place.state,
        engine,
        host=host,
        port=port,
        with_keys=with_key,
        console=Playground(),
        limits=limits,
        log_format=log_format,
        announce=announce,
        bundles=bundles_of(place, bundle, ranker, settings),
    )


def bundles_of(place: HomeFolder, bundle: str, ranker: RankerName | None, settings: ServingSettings) -> Bundles:
    """The home's bundles; an alias that was named is followed when another process moves it, a version is kept."""
    store = place.bundles()
    is_alias = bundle in store.aliases()

    def load(opened: Bundle) -> BundleEngine:
        return BundleEngine(read(opened.path, place.recipe_folder, ranker), opened.version)

    return Bundles(store, load, bundle if is_alias else ALIAS, is_alias, settings.promotion, settings.deadline_ms)


def serving_settings(recipe: Path, model: Recommender) -> ServingSettings:
    """Those of the recipe as it is now; where it cannot be read, those of the bundle."""
    try:
        return read_recipe(recipe).serving
    except PenchantError:
        return model.recipe_.serving
