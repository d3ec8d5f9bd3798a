"""Flask: a request posts, and threads of the bus do the slow part after the answer.

Run it in the folder `examples`: `flask --app recipes.flask_app run`.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, Response, current_app, jsonify

from buswork import EventBus, QueueFull


@dataclass(frozen=True)
class OrderPlaced:
    """All that its handlers need: the request is over when they run."""

    item: str
    customer: str


# No thread is started before the first post, so this may be imported before a server forks.
bus = EventBus(overflow="raise")
app = Flask(__name__)
mails: list[str] = []


@bus.on(OrderPlaced)
def send_mail(order: OrderPlaced) -> None:
    """Write a mail, on a thread of the bus."""
    with app.app_context():  # One of its own: that of the request has ended.
        current_app.logger.info("a mail to %s", order.customer)
        mails.append(f"to {order.customer}: your {order.item} is on its way")


@app.post("/orders/<item>/<customer>")
def place_order(item: str, customer: str) -> tuple[Response, int]:
    """Answer at once."""
    bus.post(OrderPlaced(item, customer))
    return jsonify(accepted=item), 202


@app.get("/figures")
def figures() -> Response:
    """Tell how much is waiting."""
    return jsonify(pending=bus.pending)


@app.errorhandler(QueueFull)
def too_much(_full: QueueFull) -> tuple[Response, int]:
    """Tell the client to come back, when more is pending than the bus may hold."""
    return jsonify(error="busy"), 503


# There is nothing to stop: Python delivers what is pending before a server's process ends.
