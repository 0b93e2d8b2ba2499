"""The page about tasks knows every kind, and its recipes can be read."""

import re
from pathlib import Path

from penchant.schema.kinds import kinds_in
from penchant.tasks.task import build
from tests.small_data import NEXT, recipe

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "tasks.md").read_text(encoding="utf8")


def test_that_every_kind_has_a_line() -> None:
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) != []
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == set(kinds_in("penchant.tasks"))


def test_that_its_recipes_are_recipes() -> None:
    tasks = '[tasks.click]\nkind = "binary"\nlabel = "c"\n[tasks.like]\nkind = "binary"\nlabel = "l"\n[scenario]\ncolumn = "tab"\n'
    blocks = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 5
    for block in blocks:
        read = recipe((NEXT if "[tasks." in block else tasks) + block)
        for name, part in read.tasks.items():
            assert build(name, part, 4) is not None
