"""The durability trials can fail, and a small form of each passes."""

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

WRITE = r'7 pwrite64(9</d/penchant.db-wal>, "\1\2{}\3", 4096, 32) = 4096'
UNFINISHED = "7 fdatasync(9</d/penchant.db-wal> <unfinished ...>"
RESUMED = "7 <... fdatasync resumed>) = 0"
SYNC = "7 fdatasync(9</d/penchant.db-wal>) = 0"
ACKNOWLEDGE = r'8 sendto(5<socket:[1]>, "HTTP/1.1 200 OK\r\n\r\n{\"accepted\":1}", 90, 0, NULL, 0) = 90'


@pytest.fixture(scope="module")
def trials() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "durability.py"
    spec = importlib.util.spec_from_file_location("durability", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["durability"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("lines", "early"),
    [
        ([WRITE.format("event-1"), SYNC, ACKNOWLEDGE, WRITE.format("event-2"), SYNC, ACKNOWLEDGE], 0),
        ([WRITE.format("event-1"), ACKNOWLEDGE, SYNC, WRITE.format("event-2"), SYNC, ACKNOWLEDGE], 1),
        ([SYNC, WRITE.format("event-1"), ACKNOWLEDGE, WRITE.format("event-2"), ACKNOWLEDGE], 2),
        ([ACKNOWLEDGE, ACKNOWLEDGE], 2),
        ([WRITE.format("event-1"), SYNC, ACKNOWLEDGE, WRITE.format("event-3"), SYNC, ACKNOWLEDGE], 1),
        ([WRITE.format("event-1"), SYNC.replace("= 0", "= -1 EIO"), ACKNOWLEDGE, WRITE.format("event-2"), SYNC, ACKNOWLEDGE], 1),
        ([WRITE.format("event-1"), SYNC.replace("-wal", ""), ACKNOWLEDGE, WRITE.format("event-2"), SYNC, ACKNOWLEDGE], 1),
        ([WRITE.format("event-1"), UNFINISHED, ACKNOWLEDGE, RESUMED, WRITE.format("event-2"), UNFINISHED, RESUMED, ACKNOWLEDGE], 1),
    ],
)
def test_that_an_acknowledgement_before_its_sync_is_found(trials: ModuleType, tmp_path: Path, lines: list[str], early: int) -> None:
    trace = tmp_path / "trace"
    trace.write_text("\n".join(lines))
    assert trials.early_acknowledgements(trace, ["event-1", "event-2"]) == (early, 2)


@pytest.mark.slow
def test_that_killing_the_server_loses_nothing_it_acknowledged(trials: ModuleType, tmp_path: Path) -> None:
    found = trials.kill_trial(tmp_path / "kill", kills=2)
    assert found["passed"], found


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_that_no_acknowledgement_leaves_before_its_sync(trials: ModuleType, tmp_path: Path) -> None:
    found = trials.order_trial(tmp_path, acknowledgements=30)
    assert found["passed"], found
