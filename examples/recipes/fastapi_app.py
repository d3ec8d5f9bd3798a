"""FastAPI: the app's lifespan is the life of the bus.

Run it in the folder `examples`: `uvicorn recipes.fastapi_app:app`.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse

from buswork import AsyncEventBus, QueueFull


@dataclass(frozen=True)
class OrderPlaced:
    """A customer wants something."""

    item: str


@dataclass(frozen=True)
class ReminderAsked:
    """A customer has not paid."""

    customer: str


class SoldOutError(Exception):
    """There is none left."""


bus = AsyncEventBus(overflow="raise")
stock = {"teapot": 1}
reminded: list[str] = []


@bus.on(OrderPlaced)
async def reserve(order: OrderPlaced) -> None:
    """Take one from the shelf. The request waits for this, and fails if it does."""
    if not stock.get(order.item):
        raise SoldOutError(order.item)
    stock[order.item] -= 1


@bus.on(ReminderAsked)
async def send_reminder(reminder: ReminderAsked) -> None:
    """Write to a customer. No request waits for this."""
    await asyncio.sleep(0.01)  # the mail server
    reminded.append(reminder.customer)


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
    """Make the server's loop the home of the bus; at the end, deliver what is pending."""
    async with bus:
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/orders/{item}", status_code=201)
async def place_order(item: str) -> dict[str, str]:
    """Publish: the answer depends on what the handlers do."""
    try:
        await bus.publish(OrderPlaced(item))
    except* SoldOutError as sold_out:
        raise HTTPException(409, f"there is no {item} left") from sold_out
    return {"ordered": item}


@app.post("/reminders/{customer}", status_code=202)
def remind(customer: str) -> dict[str, str]:
    """Post: the answer depends on nobody. FastAPI calls a plain function on another thread."""
    bus.post(ReminderAsked(customer))
    return {"will remind": customer}


@app.exception_handler(QueueFull)
async def too_much(_request: Request, _full: Exception) -> JSONResponse:
    """Tell the client to come back, when more is pending than the bus may hold."""
    return JSONResponse({"detail": "busy"}, 503, headers={"Retry-After": "1"})
