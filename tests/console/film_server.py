"""Serves films in a process of its own: `python film_server.py DIRECTORY`; prints where and how to come in."""

import json
import sys
from dataclasses import asdict

from film_engine import FilmEngine

from penchant.console import Playground
from penchant.serving.server import Started, run


def tell(started: Started) -> None:
    """One line of JSON on the standard output."""
    print(json.dumps(asdict(started)), flush=True)


if __name__ == "__main__":
    run(sys.argv[1], FilmEngine(), port=0, console=Playground(), announce=tell)
