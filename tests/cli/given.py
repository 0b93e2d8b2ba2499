"""The command line in this process, and a folder in which a tiny recipe was trained."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from penchant.cli.app import app
from tests import small_data

FAST = small_data.FILM_RECIPE.replace("epochs = 8", "epochs = 1")


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The last line of the standard output as JSON."""
        return json.loads(self.out.splitlines()[-1])


def penchant(*arguments: object) -> Ran:
    """Run a command here; anything but an orderly end is raised."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.stdout + result.stderr
    return Ran(result.exit_code, result.stdout, result.stderr)


def command(*arguments: object) -> list[str]:
    """The same command for a process of its own."""
    return [sys.executable, "-m", "penchant", *map(str, arguments)]


def start(*arguments: object, **more: Any) -> "subprocess.Popen[str]":
    """The command in a process of its own, its output piped."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **more)


def files(folder: Path, recipe: str = FAST) -> Path:
    """The tables of `tests.small_data` with a recipe that trains in a moment; the recipe's path."""
    return small_data.write_film_files(folder, recipe)
