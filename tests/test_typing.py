"""Right registrations are clean and wrong ones are errors, in mypy and in pyright."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SUITES = Path(__file__).parent / "typing"
PACKAGES = Path(__file__).parent.parent / "python"
MARK = "# error"


def lines_with_errors(checker: str, suite: Path, folder: Path) -> dict[int, str]:
    """Run a checker on a suite with its strict defaults; return what it says of each line."""
    # The checkers are in the environment of the lints, which runs this file: see `scripts/lint`.
    if importlib.util.find_spec(checker) is None:
        pytest.skip(f"{checker} is not installed here: `make lint` has it")
    return {"mypy": _mypy, "pyright": _pyright}[checker](suite, folder)


def _mypy(suite: Path, folder: Path) -> dict[int, str]:
    options = ["--strict", "--config-file=", f"--cache-dir={folder}", "--output=json"]
    environment = os.environ | {"MYPYPATH": str(PACKAGES)}
    output = _run([sys.executable, "-m", "mypy", *options, str(suite)], environment)
    found = [json.loads(line) for line in output.splitlines() if line]
    ours = [error for error in found if Path(error["file"]).name == suite.name]
    assert len(ours) == len(found), f"errors outside of the suite: {found}"
    return {error["line"]: error["message"] for error in ours if error["severity"] == "error"}


def _pyright(suite: Path, folder: Path) -> dict[int, str]:
    settings = {"typeCheckingMode": "strict", "extraPaths": [str(PACKAGES)]}
    project = folder / "pyrightconfig.json"
    project.write_text(json.dumps(settings))
    command = [sys.executable, "-m", "pyright", "--outputjson", "-p", str(project), str(suite)]
    found = json.loads(_run(command, dict(os.environ)))["generalDiagnostics"]
    # Lines are counted from 0.
    return {
        error["range"]["start"]["line"] + 1: error["message"]
        for error in found
        if error["severity"] == "error"
    }


def _run(command: list[str], environment: dict[str, str]) -> str:
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode in (0, 1), run.stderr or run.stdout
    return run.stdout


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_right_registrations_are_clean(checker: str, tmp_path: Path) -> None:
    assert lines_with_errors(checker, SUITES / "right.py", tmp_path) == {}


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_each_wrong_registration_is_an_error_and_nothing_else_is(
    checker: str, tmp_path: Path
) -> None:
    suite = SUITES / "wrong.py"
    lines = suite.read_text().splitlines()
    marked = {number for number, line in enumerate(lines, 1) if line.endswith(MARK)}
    found = lines_with_errors(checker, suite, tmp_path)
    missed = {number: lines[number - 1] for number in marked - found.keys()}
    surplus = {number: found[number] for number in found.keys() - marked}
    assert (missed, surplus) == ({}, {})
