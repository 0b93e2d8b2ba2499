"""A server with films in a process of its own, as a person would start it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from films import Running


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A running server; SIGTERM must end it within 10 s."""
    command = [sys.executable, str(Path(__file__).parent / "film_server.py"), str(tmp_path_factory.mktemp("films"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": "src"}) as process:
        assert process.stdout is not None
        yield Running(**json.loads(process.stdout.readline()))
        process.terminate()
        process.wait(10)
