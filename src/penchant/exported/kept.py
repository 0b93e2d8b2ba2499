"""Graphs kept between runs: making one takes half a minute, reading it back a moment."""

import logging
import os
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import torch

logger = logging.getLogger(__name__)
FORM = 2
"""Of what a kept graph is made; another number makes all of them anew."""


def kept_graph(folder: Path, told: str, make: Callable[[], bytes]) -> bytes:
    """The graph kept in a folder, or else made and kept. A folder that cannot be written costs the keeping, not the graph.

    Args:
        folder: Where graphs are kept; made when absent.
        told: Everything that decides the graph but torch's version.
        make: Makes it.
    """
    file = folder / f"{sha256(f'{FORM}:{torch.__version__}:{told}'.encode()).hexdigest()[:32]}.onnx"
    try:
        return file.read_bytes()
    except OSError:
        graph = make()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".new-", delete=False) as fresh:
            fresh.write(graph)
        os.replace(fresh.name, file)  # whole or not there, whoever else makes it
    except OSError as error:
        logger.warning("the graph is not kept for later runs: %s", error)
    return graph
