"""Greets back."""

from __future__ import annotations

from buswork import Handlers
from recipes.plugin_host import MessageReceived

handlers = Handlers()


@handlers.on(MessageReceived, when=lambda message: message.text.startswith("hello"))
def greet(message: MessageReceived) -> None:
    """Greet back."""
    message.replies.append("hello yourself")
