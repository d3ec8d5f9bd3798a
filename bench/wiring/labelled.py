"""A code base that was labelled by hand: what is published, handled and followed by what.

The keys of a label file, besides the edges (`publish`, `handler`, `cascade`) and the lists `events`,
`unhandled` and `dead`:

- `alt_function`, `alt_handler`, `alt_event` of an edge: another answer is as good. One answer may be
  as good as several edges, and stands for all of them then.
- `doubtful` of an edge, `cascade_maybe`, `unhandled_maybe`, `unused`: counts neither way.
- `hard` of an edge: right, but only by reflection, a container, a loop over plug-ins. It counts, and
  the recall without such edges is told besides.
- `external`: events that a framework publishes or handles, neither dead nor unhandled here.
- `foreign`: last parts of the names of a framework's own signals, of which nothing counts.
- `exclude`: patterns of files that do not count, such as tests.
"""

from __future__ import annotations

import fnmatch
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

#: The two names that an edge is between.
Edge = tuple[str, str]


@dataclass(frozen=True)
class Labels:
    """One label file."""

    #: What the checkout is called.
    folder: str
    data: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> Labels:
        return cls(path.stem, tomllib.loads(path.read_text(encoding="utf-8")))

    def edges(self, kind: str) -> list[dict[str, Any]]:
        edges: list[dict[str, Any]] = self.data.get(kind, [])
        return edges

    def names(self, key: str) -> set[str]:
        return set(self.data.get(key, []))

    def counts(self, place: dict[str, Any]) -> bool:
        """Whether what is found there counts at all."""
        excluded: list[str] = self.data.get("exclude", [])
        return not any(fnmatch.fnmatch(place["file"], pattern) for pattern in excluded)


def listed(value: str | list[str]) -> list[str]:
    """One or several, as a list."""
    return [value] if isinstance(value, str) else value


class Events:
    """Events of the graph under the names of the labels."""

    def __init__(self, labels: Labels, graph: dict[str, Any]) -> None:
        self.known = labels.names("events")
        self._foreign = labels.names("foreign")
        self._alternatives: dict[str, str] = {}
        for edge in [*labels.edges("publish"), *labels.edges("handler")]:
            for other in listed(edge.get("alt_event", [])):
                self._alternatives[other] = edge["event"]
        self._bases: dict[str, list[str]] = {
            event["id"]: event.get("bases", []) for event in graph["events"]
        }

    def name(self, shown: str) -> str:
        """The name that the labels have, where theirs has more or fewer folders in front."""
        shown = self._alternatives.get(shown, shown)
        if shown in self.known:
            return shown
        matching = (name for name in sorted(self.known) if ends_alike(name, shown))
        return next(matching, shown)

    def bases(self, shown: str) -> list[str]:
        return [self.name(base) for base in self._bases.get(shown, [])]

    def is_ours(self, shown: str) -> bool:
        return self.name(shown) in self.known or shown.rsplit(".", 1)[-1] not in self._foreign


class Functions:
    """Functions of the graph under the names of the labels, alternatives among them."""

    def __init__(self, names: Iterable[str]) -> None:
        self._by_qualname: dict[str, list[str]] = {}
        for name in sorted(set(names)):
            self._by_qualname.setdefault(name.partition(":")[2], []).append(name)

    def name(self, shown: str) -> str:
        # The labels do not tell handlers of one name apart.
        shown = re.sub(r"#\d+$", "", shown)
        module, _, qualname = shown.partition(":")
        candidates = self._by_qualname.get(qualname, [])
        if shown in candidates:
            return shown
        matching = (one for one in candidates if ends_alike(one.partition(":")[0], module))
        return next(matching, shown)


def ends_alike(left: str, right: str) -> bool:
    return left == right or left.endswith("." + right) or right.endswith("." + left)


class Ends:
    """The edges of one kind: which are there, and which a shown one stands for."""

    def __init__(self, labels: Labels, kind: str, end: str) -> None:
        self.wanted: set[Edge] = set()
        self.open: set[Edge] = set()
        self.hard: set[Edge] = set()
        self._stands_for: dict[Edge, set[Edge]] = {}
        names: set[str] = set()
        for edge in labels.edges(kind):
            pair = (edge["event"], edge[end])
            self.wanted.add(pair)
            if edge.get("doubtful"):
                self.open.add(pair)
            if edge.get("hard"):
                self.hard.add(pair)
            others = listed(edge.get(f"alt_{end}", []))
            names.update([edge[end], *others])
            for other in others:
                self._stands_for.setdefault((edge["event"], other), set()).add(pair)
        self.functions = Functions(names)

    def meant(self, event: str, shown: str, bases: list[str]) -> set[Edge]:
        """The edges that a shown one stands for: itself, if it is none of these.

        An edge of an event is as good as the same one of its base class.
        """
        function = self.functions.name(shown)
        for name in [event, *bases]:
            pair = (name, function)
            meant = self._stands_for.get(pair, set())
            if pair in self.wanted or meant:
                return meant | ({pair} & self.wanted)
        return {(event, function)}
