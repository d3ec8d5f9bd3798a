"""Counts words."""

from __future__ import annotations

from buswork import handles
from recipes.plugin_host import MessageReceived


class Counter:
    """A plugin with a state, which is gone when it is unloaded."""

    def __init__(self) -> None:
        self.words = 0

    @handles(MessageReceived)
    def count(self, message: MessageReceived) -> None:
        """Count, and tell."""
        self.words += len(message.text.split())
        message.replies.append(f"{self.words} words so far")


handlers = Counter()
