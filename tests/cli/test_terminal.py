"""What people see: lines with a first word, progress that is not too much, one JSON object when asked."""

import json
import time

import pytest

from penchant.cli.terminal import Terminal
from penchant.schema.errors import DataError


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that `time.monotonic` tells; change its only element."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_that_further_lines_stand_below_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal().line("data", "one\ntwo")
    assert capsys.readouterr().out == "data     one\n         two\n"


def test_that_progress_tells_the_share_and_the_time_left(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    clock[0] = 160.0
    terminal.progress("train", 25, 100, "loss 0.5", started=100.0)
    assert capsys.readouterr().out == "train    [==>       ]  25%  loss 0.5  3:00 left\n"


def test_that_outside_a_terminal_progress_comes_every_ten_seconds(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    for second in range(25):
        clock[0] = 100.0 + second
        terminal.progress("train", second, 25, "", started=100.0)
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_that_in_a_terminal_one_line_renews_itself_and_ends_before_the_next(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    terminal.live = True
    terminal.progress("train", 100, 100, "", started=90.0)
    terminal.line("gate", "passed")
    assert capsys.readouterr().out == "\r\x1b[2Ktrain    [==========] 100%    0:00 left\ngate     passed\n"


def test_that_json_is_one_object_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal(as_json=True)
    terminal.line("data", "for people")
    terminal.text("a table")
    terminal.progress("train", 1, 2, "", started=0.0)
    terminal.result(name="Amélie", count=1)
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"name": "Amélie", "count": 1}
    assert "Amélie" in captured.out
    assert captured.err == ""


def test_that_a_result_is_for_json_only(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal().result(count=1)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("as_json", "stream"), [(False, "out"), (True, "err")])
def test_that_a_note_does_not_disturb_the_json(as_json: bool, stream: str, capsys: pytest.CaptureFixture[str]) -> None:
    Terminal(as_json).note("a note")
    assert getattr(capsys.readouterr(), stream) == "a note\n"


def test_that_an_error_goes_to_the_error_stream_or_into_the_json(capsys: pytest.CaptureFixture[str]) -> None:
    error = DataError("a file", must="there", came="nothing", do="Put it there.")
    Terminal().fail(error)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "error    a file must be there; found nothing. Put it there.\n")
    Terminal(as_json=True).fail(error)
    parts = {"code": "data", "thing": "a file", "must": "there", "came": "nothing", "do": "Put it there."}
    assert json.loads(capsys.readouterr().out) == {"error": parts}
