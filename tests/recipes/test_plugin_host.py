"""The recipe for plugins: loaded, unloaded, edited and loaded anew, and freed."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from pathlib import Path

import pytest

from buswork import EventBus
from recipes.plugin_host import MessageReceived, PluginHost

PLUGINS = Path(__file__).parents[2] / "examples" / "recipes" / "plugins"

PLUGIN = """
from __future__ import annotations
from dataclasses import dataclass
from buswork import Handlers
from recipes.plugin_host import MessageReceived

@dataclass
class Answer:
    text: str

handlers = Handlers()

@handlers.on(MessageReceived)
def answer(message: MessageReceived) -> None:
    message.replies.append(Answer("one").text)
"""


def replies(bus: EventBus, text: str) -> list[str]:
    message = MessageReceived(text)
    bus.publish(message)
    return message.replies


def test_the_plugins_of_a_folder_are_loaded_and_unloaded_one_by_one() -> None:
    bus = EventBus()
    host = PluginHost(bus, PLUGINS)
    host.load_all()
    assert host.loaded == ["counter", "greeter"]
    assert replies(bus, "hello there") == ["2 words so far", "hello yourself"]
    host.unload("greeter")
    assert replies(bus, "hello") == ["3 words so far"]
    host.load("counter")
    assert replies(bus, "hello") == ["1 words so far"], "a state of its own"
    host.unload("counter")
    assert replies(bus, "hello") == []
    assert host.loaded == []


def test_a_plugin_is_edited_and_loaded_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    bus = EventBus()
    host = PluginHost(bus, tmp_path)
    for text in ("one", "two", "six"):  # As long as each other, within one second.
        (tmp_path / "answerer.py").write_text(PLUGIN.replace("one", text))
        host.load("answerer")
        assert replies(bus, "?") == [text]
    assert len(bus.handlers(MessageReceived)) == 1
    host.unload("answerer")
    assert not list(tmp_path.glob("__pycache__/*"))


def test_what_a_plugin_was_is_freed_when_it_is_loaded_anew_and_when_it_is_unloaded(
    tmp_path: Path,
) -> None:
    bus = EventBus()
    host = PluginHost(bus, tmp_path)
    (tmp_path / "answerer.py").write_text(PLUGIN)
    remains: list[weakref.ref[object]] = []
    for _ in range(3):
        host.load("answerer")
        module = sys.modules["plugin_answerer"]
        remains += map(weakref.ref, [module, module.Answer, module.answer, module.handlers])
        bus.publish(module.Answer("its own class goes by on the bus"))
        replies(bus, "?")
        del module
    gc.collect()
    assert [ref() is None for ref in remains] == [True] * 8 + [False] * 4
    host.unload("answerer")
    gc.collect()
    assert [ref() for ref in remains] == [None] * 12
    assert "plugin_answerer" not in sys.modules


@pytest.mark.parametrize(
    ("broken", "error"),
    [("def", SyntaxError), ("1 / 0", ZeroDivisionError), ("", AttributeError)],
    ids=["syntax", "raises", "no handlers"],
)
def test_a_file_that_cannot_be_run_leaves_the_plugin_as_it_was(
    tmp_path: Path, broken: str, error: type[Exception]
) -> None:
    bus = EventBus()
    host = PluginHost(bus, tmp_path)
    file = tmp_path / "answerer.py"
    file.write_text(broken)
    with pytest.raises(error):
        host.load("answerer")
    assert host.loaded == []
    assert "plugin_answerer" not in sys.modules
    file.write_text(PLUGIN)
    host.load("answerer")
    module = sys.modules["plugin_answerer"]
    file.write_text(broken)
    with pytest.raises(error):
        host.load("answerer")
    assert sys.modules["plugin_answerer"] is module
    assert replies(bus, "?") == ["one"]
    host.unload("answerer")


def test_a_plugin_that_the_bus_refuses_is_not_loaded(tmp_path: Path) -> None:
    bus = EventBus()
    host = PluginHost(bus, tmp_path)
    named = PLUGIN.replace("on(MessageReceived)", 'on(MessageReceived, name="answer")')
    for name in ("first", "second"):
        (tmp_path / f"{name}.py").write_text(named)
    host.load("first")
    with pytest.raises(ValueError, match="answer"):
        host.load("second")
    host.load("first")
    assert host.loaded == ["first"]
    assert replies(bus, "?") == ["one"]
    assert "plugin_second" not in sys.modules
    host.unload("first")


def test_what_was_posted_to_a_plugin_before_it_is_unloaded_is_delivered_by_a_drain() -> None:
    with EventBus() as bus:
        host = PluginHost(bus, PLUGINS)
        host.load("greeter")
        message = MessageReceived("hello")
        bus.post(message)
        bus.drain(30)
        host.unload("greeter")
    assert message.replies == ["hello yourself"]


def test_what_was_posted_to_a_plugin_and_has_not_begun_is_not_delivered_after_it_is_unloaded() -> (
    None
):
    begun, gate = threading.Event(), threading.Event()

    class Slow(list[str]):
        def append(self, reply: str) -> None:
            begun.set()
            gate.wait()
            super().append(reply)

    with EventBus() as bus:
        host = PluginHost(bus, PLUGINS)
        host.load("greeter")
        first, second = MessageReceived("hello", Slow()), MessageReceived("hello")
        bus.post(first)
        bus.post(second)
        begun.wait()
        host.unload("greeter")
        gate.set()
    assert first.replies == ["hello yourself"]
    assert second.replies == []
