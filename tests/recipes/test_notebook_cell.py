"""The recipe for notebooks: its cells, run in one namespace, as a notebook does."""

from __future__ import annotations

import re
import weakref
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).parents[2] / "examples" / "recipes" / "notebook_cell.py"


class Notebook:
    """Runs cells in one namespace."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self._count = 0
        _, self.bus, self.handlers, self.use = re.split(
            r"^# %%.*\n", NOTEBOOK.read_text(), flags=re.MULTILINE
        )

    def run(self, cell: str) -> None:
        self._count += 1
        exec(compile(cell, f"<cell {self._count}>", "exec", dont_inherit=True), self.names)


def test_the_cells_run_from_top_to_bottom(capsys: pytest.CaptureFixture[str]) -> None:
    notebook = Notebook()
    for cell in (notebook.bus, notebook.handlers, notebook.use):
        notebook.run(cell)
    assert capsys.readouterr().out == "21.5 °C\n"


def test_a_cell_of_handlers_that_runs_again_leaves_those_of_its_last_run() -> None:
    notebook = Notebook()
    notebook.run(notebook.bus)
    old: list[weakref.ref[object]] = []
    for digits in (1, 1, 2):
        notebook.run(notebook.handlers.replace(":.1f", f":.{digits}f"))
        old.append(weakref.ref(notebook.names["show"]))
    notebook.run(notebook.use)
    assert notebook.names["shown"] == ["21.50 °C"]
    assert [ref() is None for ref in old] == [True, True, False], "the old ones are freed"


def test_a_cell_of_handlers_that_breaks_leaves_those_of_the_run_before() -> None:
    notebook = Notebook()
    notebook.run(notebook.bus)
    notebook.run(notebook.handlers)
    with pytest.raises(NameError):
        notebook.run(notebook.handlers.replace("@handlers.on(Measured)", "@handlers.on(Misspelt)"))
    notebook.run(notebook.use)
    assert notebook.names["shown"] == ["21.5 °C"]


def test_to_run_all_cells_again_begins_anew_and_frees_the_old_bus() -> None:
    notebook = Notebook()
    for cell in (notebook.bus, notebook.handlers, notebook.use):
        notebook.run(cell)
    bus = weakref.ref(notebook.names["bus"])
    for cell in (notebook.bus, notebook.handlers, notebook.use):
        notebook.run(cell)
    assert notebook.names["shown"] == ["21.5 °C"]
    assert bus() is None
