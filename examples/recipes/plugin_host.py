"""A plugin host: each file of a folder is a plugin, loaded, unloaded, and loaded anew when edited.

A plugin is a module with a `Handlers` collection named `handlers`. See the folder `plugins`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType
    from typing import NoReturn

    from buswork import EventBus, SubscriptionGroup


@dataclass(frozen=True)
class MessageReceived:
    """Somebody has written. A plugin may reply."""

    text: str
    replies: list[str] = field(default_factory=list[str])


class PluginHost:
    """Loads plugins from a folder, and subscribes what they declare."""

    def __init__(self, bus: EventBus, folder: Path) -> None:
        self._bus = bus
        self._folder = folder
        self._loaded: dict[str, SubscriptionGroup] = {}

    @property
    def loaded(self) -> list[str]:
        """The names of the plugins that are loaded."""
        return sorted(self._loaded)

    def load_all(self) -> None:
        """Load every plugin of the folder."""
        for path in sorted(self._folder.glob("*.py")):
            self.load(path.stem)

    def load(self, name: str) -> None:
        """Load a plugin; if it is loaded, as its file is now.

        A file that cannot be run leaves everything as it was. Otherwise no event goes to the old
        handlers and to the new ones; one that is published between the two goes to neither.
        """
        module = self._run(name)
        handlers = module.handlers
        if name in self._loaded:
            self.unload(name)
        self._loaded[name] = self._bus.include(handlers)
        sys.modules[module.__name__] = module

    def unload(self, name: str) -> None:
        """Cancel a plugin's handlers, and let its module go."""
        self._loaded.pop(name).cancel()
        del sys.modules[_module_name(name)]

    def _run(self, name: str) -> ModuleType:
        """Run a plugin's file, and put `sys.modules` back as it was."""
        loader = _Afresh(_module_name(name), str(self._folder / f"{name}.py"))
        spec = spec_from_loader(loader.name, loader)
        if spec is None:
            raise ImportError(name=name)
        module = module_from_spec(spec)
        before = sys.modules.get(spec.name)
        sys.modules[spec.name] = module  # Dataclasses, for one, look for their module here.
        try:
            loader.exec_module(module)
        finally:
            if before is None:
                sys.modules.pop(spec.name, None)
            else:
                sys.modules[spec.name] = before
        return module


class _Afresh(SourceFileLoader):
    """Reads a source each time. The bytecode cache may miss an edit within a second."""

    def path_stats(self, path: str) -> NoReturn:
        raise OSError(path)


def _module_name(name: str) -> str:
    return f"plugin_{name}"
