"""Encoding is shown as progress, and the log is as before afterwards."""

import time

import pytest

from penchant.cli.encoding import encoding_shown
from penchant.cli.terminal import Terminal
from penchant.features.kept_vectors import Progress, logger


def test_that_encoding_is_shown_as_progress_and_not_logged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
    level = logger.level
    with encoding_shown(Terminal()):
        logger.info("%s", Progress("texts", 2500, 10_000, 10.0))
        logger.warning("vectors are not kept: %s", "no room")
    logger.info("%s", Progress("texts", 5000, 10_000, 20.0))
    assert capsys.readouterr().out == "encode   [==>       ]  25%  texts: 2,500 of 10,000 encoded, 250 a second  0:30 left\n"
    assert [record.getMessage() for record in caplog.records] == ["vectors are not kept: no room"]
    assert (logger.level, logger.filters) == (level, [])
