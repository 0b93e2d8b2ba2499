"""`penchant serve`: a bundle over HTTP, with the playground at /."""

from pathlib import Path

from penchant.cli.bundle import read_bundle
from penchant.cli.home import HomeFolder
from penchant.cli.terminal import Terminal
from penchant.console.playground import Playground
from penchant.schema.rankers import RankerName
from penchant.serving.engine import BundleEngine
from penchant.serving.limits import Limits
from penchant.serving.logs import LogFormat
from penchant.serving.server import Started
from penchant.serving.server import run as run_server


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
    limits = Limits(deadline=model.recipe_.serving.deadline_ms / 1000, drain=drain)
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
    )
