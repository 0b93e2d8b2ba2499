"""Every command's help, every exit code, and that a mistake is one line and never a traceback."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from penchant.cli.app import app
from penchant.cli.commands import doctor
from penchant.cli.commands.train import GateError
from penchant.schema.errors import BundleError, DataError, NotFittedError, PenchantError, RecipeError, StorageError, TargetError
from penchant.serving.server import AddressError
from tests.cli.given import command, penchant

COMMANDS = (
    "init",
    "check",
    "pack",
    "train",
    "evaluate",
    "tune",
    "compare",
    "recommend",
    "similar",
    "explain",
    "serve",
    "models",
    "backup",
    "restore",
    "demo",
    "doctor",
)
OF_MODELS = ("list", "promote", "rollback")
PARTS: dict[str, str] = {"must": "whole", "came": "a half", "do": "Mend it."}


def raises(error: BaseException) -> Any:
    def run(*_: object, **__: object) -> None:
        raise error

    return run


def test_that_help_names_every_command() -> None:
    ran = penchant("--help")
    assert ran.code == 0
    assert all(f"  {name} " in ran.out for name in COMMANDS)
    commands = get_command(app).commands
    assert (set(commands), set(commands["models"].commands)) == (set(COMMANDS), set(OF_MODELS))


@pytest.mark.parametrize("words", [[name] for name in COMMANDS if name != "models"] + [["models", name] for name in OF_MODELS])
def test_that_every_command_says_what_it_does_and_what_its_options_mean(words: list[str]) -> None:
    ran = penchant(*words, "--help")
    assert ran.code == 0
    assert "Usage:" in ran.out
    assert "--debug" in ran.out
    command: Any = get_command(app)
    for word in words:
        command = command.commands[word]
    for parameter in command.params:
        assert getattr(parameter, "help", "absent"), parameter.name


def test_that_help_takes_less_than_three_tenths_of_a_second() -> None:
    code = "import time, sys; sys.argv = ['penchant', '--help']\ntry:\n  from penchant.cli import main; main()\n"
    code += "finally: print(time.process_time(), 'torch' in sys.modules, 'polars' in sys.modules, file=sys.stderr)"
    told = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr.split() for _ in range(3)]
    assert min(float(seconds) for seconds, *_ in told) < 0.3
    assert told[0][1:] == ["False", "False"]


def test_that_the_package_runs_as_a_module() -> None:
    done = subprocess.run(command("--help"), capture_output=True, text=True, check=False)
    assert (done.returncode, "From an event log to served recommendations." in done.stdout) == (0, True)


def test_that_wrong_usage_is_code_2() -> None:
    assert penchant("recomend").code == 2
    assert penchant("train").code == 2
    assert penchant("train", "recipe.toml", "--sed", "1").code == 2
    assert penchant().code in (0, 2)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PenchantError("it", **PARTS), 1),
        (RecipeError("it", **PARTS), 2),
        (DataError("it", **PARTS), 3),
        (TargetError("it", **PARTS), 4),
        (NotFittedError("it"), 5),
        (BundleError("it", **PARTS), 6),
        (StorageError("it", **PARTS), 7),
        (AddressError("it", **PARTS), 8),
        (GateError("it", **PARTS), 9),
    ],
)
def test_that_each_kind_of_mistake_has_its_exit_code_and_one_line(error: PenchantError, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "run", raises(error))
    ran = penchant("doctor")
    assert (ran.code, ran.out, ran.err) == (code, "", f"error    {error}\n")
    told = penchant("doctor", "--json")
    assert told.code == code
    assert told.json == {"error": {"code": error.code, "thing": "it", "must": error.must, "came": error.came, "do": error.do}}


def test_that_the_exit_codes_are_written_down() -> None:
    import penchant.cli.app as module

    kinds = (PenchantError, RecipeError, DataError, TargetError, NotFittedError, BundleError, StorageError, AddressError, GateError)
    assert [kind.exit_code for kind in kinds] == list(range(1, 10))
    assert module.__doc__ is not None
    for code in (*range(10), 130):
        assert f"{code} " in module.__doc__


def test_that_a_disk_that_refuses_is_a_storage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "run", raises(PermissionError(13, "Permission denied", "/some/where")))
    ran = penchant("doctor")
    assert ran.code == 7
    assert ran.err == (
        "error    '/some/where' must be usable; found 'Permission denied'. Check the path, who owns it, and the free space.\n"
    )


def test_that_a_home_that_is_a_file_is_told_in_one_line(tmp_path: Path, trained: Path) -> None:
    home = tmp_path / "home"
    home.write_text("not a folder")
    for arguments in (("check", trained), ("train", trained), ("recommend", trained, "--users", "u1"), ("serve", trained)):
        ran = penchant(*arguments, "--home", home)
        assert ran.code in (6, 7)
        assert ran.err.startswith("error    ")
        assert str(home) in ran.err


def test_that_ctrl_c_is_130_and_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "run", raises(KeyboardInterrupt()))
    assert penchant("doctor").code == 130
    assert penchant("doctor").out == "stopped\n"


@pytest.mark.parametrize("error", [RecipeError("it", **PARTS), KeyboardInterrupt(), OSError("it")])
def test_that_debug_shows_where_it_happened(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "run", raises(error))
    if isinstance(error, KeyboardInterrupt):
        assert penchant("doctor", "--debug").code == 130  # click's own way out
        return
    with pytest.raises(type(error)):
        penchant("doctor", "--debug")


def test_that_a_fault_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "run", raises(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        penchant("doctor")


def test_that_a_reader_who_has_seen_enough_is_no_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "run", raises(BrokenPipeError(32, "Broken pipe")))
    assert penchant("doctor").err == ""
