"""`import penchant` is light, and its public names are there."""

import subprocess
import sys
from pathlib import Path

import pytest

import penchant

SOURCE = Path(penchant.__file__).parents[1]


def seconds(statement: str) -> float:
    """Processor time of a statement in a fresh interpreter, the least of three."""
    clock = "time.process_time()"
    code = f"import sys, time; sys.path.insert(0, {str(SOURCE)!r}); begin = {clock}; {statement}; print({clock} - begin)"
    return min(float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout) for _ in range(3))


def test_that_importing_takes_less_than_three_tenths_of_a_second() -> None:
    assert seconds("import penchant") < 0.3


@pytest.mark.parametrize("statement", ["import penchant", "import penchant; dir(penchant)", "from penchant import Recipe, PenchantError"])
def test_that_torch_is_not_loaded_before_it_is_needed(statement: str) -> None:
    code = f"import sys; sys.path.insert(0, {str(SOURCE)!r}); {statement}; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"


def test_that_every_public_name_is_there() -> None:
    wanted = {"Dataset", "ItemKNN", "NetworkRecommender", "PenchantError", "Popularity", "Recipe", "cross_validate", "evaluate", "train"}
    assert wanted | {"__version__"} == set(penchant.__all__)
    assert all(callable(getattr(penchant, name)) for name in wanted)


def test_that_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Recomender'"):
        _ = penchant.Recomender


def test_that_the_version_is_the_packages() -> None:
    from importlib.metadata import version

    assert penchant.__version__ == version("penchant")
