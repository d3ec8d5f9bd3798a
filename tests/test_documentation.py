"""Every snippet in the documentation runs, and every link in it leads somewhere."""

from __future__ import annotations

import ast
import doctest
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import buswork

ROOT = Path(__file__).parents[1]
RECIPES = ROOT / "docs" / "recipes.md"
PAGES = [ROOT / "README.md", ROOT / "DESIGN.md", *sorted((ROOT / "docs").rglob("*.md"))]
STUBS = sorted((ROOT / "python" / "buswork").glob("*.pyi"))
MODULES = sorted((ROOT / "python" / "buswork").glob("*.py"))

BLOCK = re.compile(r"^```(?P<language>[a-z]+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
#: A passage of a file that has its own tests: "```python examples/recipes/flask_app.py".
PASSAGE = re.compile(r"^```[a-z]+ (?P<file>\S+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
#: A file that a page shows, and on which the tests of the command run what the page runs:
#: "```python file: shop/orders.py".
SHOWN = re.compile(r"^```python file: (?P<file>\S+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?P<target>[^)#:\s]+)(?:#[^)]*)?\)")


def blocks(page: Path, language: str) -> list[str]:
    return [
        match["code"] for match in BLOCK.finditer(page.read_text()) if match["language"] == language
    ]


def docstrings(path: Path) -> list[tuple[str, str]]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, documented)]
    texts = [(getattr(node, "name", path.stem), ast.get_docstring(node)) for node in nodes]
    return [(name, text) for name, text in texts if text is not None and ">>>" in text]


@pytest.fixture(autouse=True)
def _log_level() -> Iterator[None]:
    """A page may quieten the log; the tests after it may not find it so."""
    log = logging.getLogger("buswork")
    level = log.level
    yield
    log.setLevel(level)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_snippets_of_a_page_run_in_their_order(page: Path) -> None:
    namespace: dict[str, object] = {"__name__": page.stem}
    for number, code in enumerate(blocks(page, "python"), start=1):
        exec(compile(code, f"{page.name}, {number}", "exec", dont_inherit=True), namespace)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_passage_of_a_file_is_as_in_the_file(page: Path) -> None:
    for passage in PASSAGE.finditer(page.read_text()):
        file = (ROOT / passage["file"]).read_text()
        assert f"\n{passage['code']}" in f"\n{file}", f"another one than in {passage['file']}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_file_that_a_page_shows_is_python(page: Path) -> None:
    for shown in SHOWN.finditer(page.read_text()):
        compile(shown["code"], f"{page.name}, {shown['file']}", "exec", dont_inherit=True)


def test_every_recipe_is_shown() -> None:
    shown = {passage["file"] for passage in PASSAGE.finditer(RECIPES.read_text())}
    recipes = {path.name for path in (ROOT / "examples" / "recipes").iterdir()}
    assert {Path(file).parts[2] for file in shown} == recipes - {"__init__.py", "__pycache__"}


def test_there_are_snippets_to_run() -> None:
    assert sum(len(blocks(page, "python")) for page in PAGES) > 20
    assert {path.name: len(docstrings(path)) > 3 for path in STUBS} == {
        "_buswork.pyi": True,
        "_handlers.pyi": True,
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    prose = CODE.sub("", page.read_text())
    targets = [match["target"] for match in LINK.finditer(prose)]
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("path", [*MODULES, *STUBS], ids=lambda path: path.name)
def test_the_examples_in_docstrings_run(path: Path) -> None:
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for name, text in docstrings(path):
        example = parser.get_doctest(text, dict(vars(buswork)), name, path.name, 0)
        runner.run(example)
    assert runner.summarize(verbose=False).failed == 0


def test_the_commands_that_the_readme_names_exist() -> None:
    named = set(re.findall(r"\bmake ([a-z-]+)", (ROOT / "README.md").read_text()))
    there = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "test"} <= named <= there
