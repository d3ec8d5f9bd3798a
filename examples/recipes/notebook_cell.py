"""A notebook: cells that may be run again and again. A line `# %%` begins a cell."""

# %% The bus and its events. Running this again begins anew: run the cells below as well then.
from dataclasses import dataclass

from buswork import EventBus, Handlers, SubscriptionGroup


@dataclass(frozen=True)
class Measured:
    """A thermometer was read."""

    celsius: float


bus = EventBus()
subscribed: SubscriptionGroup | None = None
shown: list[str] = []


# %% The handlers. Run this as often as you edit it: the last run counts, once.
handlers = Handlers()


@handlers.on(Measured)
def show(measured: Measured) -> None:
    """Show a temperature."""
    shown.append(f"{measured.celsius:.1f} °C")


if subscribed is not None:
    subscribed.cancel()
subscribed = bus.include(handlers)


# %% Use it.
bus.publish(Measured(21.5))
print(shown[-1])
