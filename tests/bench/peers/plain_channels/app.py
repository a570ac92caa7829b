"""What a Django developer writes by hand: each socket's channel in its room's group, one `group_send` a tick, state as JSON.

The same movers and the same law as tests/bench/games/arena50.py, coordinates rounded to the same 16 bits. Environment: `LAYER`
is `memory`, or a Redis URL for channels_redis' pub/sub; `MOVERS` a number. `daphne app:application`.
"""

import asyncio
import json
import math
import os
from typing import Any

import django
from django.conf import settings

LAYER, MOVERS = os.environ.get("LAYER", "memory"), int(os.environ.get("MOVERS", "50"))
HZ, SIZE, SPEED = 20, 1000.0, 120.0
MEMORY = {"BACKEND": "channels.layers.InMemoryChannelLayer"}
PUBSUB = {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [LAYER]}}
settings.configure(CHANNEL_LAYERS={"default": MEMORY if LAYER == "memory" else PUBSUB}, INSTALLED_APPS=["channels"])
django.setup()

from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402 - after the settings
from channels.layers import get_channel_layer  # noqa: E402 - the same
from channels.routing import URLRouter  # noqa: E402 - the same
from django.urls import path  # noqa: E402 - the same


class Room:
    """One room's state and its loop."""

    def __init__(self, name: str) -> None:
        self.group, self.joined, self.tick = f"room.{name}", 0, 0
        self.x = [(i * 137.5) % SIZE for i in range(MOVERS)]
        self.y = [(i * 71.3) % SIZE for i in range(MOVERS)]
        self.v = [[math.cos(i * 2.39996) * SPEED, math.sin(i * 2.39996) * SPEED] for i in range(MOVERS)]
        self.task = asyncio.get_running_loop().create_task(self.run())

    def step(self) -> None:
        """One tick."""
        self.tick += 1
        for i, v in enumerate(self.v):
            x, y = self.x[i] + v[0] / HZ, self.y[i] + v[1] / HZ
            if x < 0 or x > SIZE:
                v[0], x = -v[0], min(SIZE, max(0.0, x))
            if y < 0 or y > SIZE:
                v[1], y = -v[1], min(SIZE, max(0.0, y))
            self.x[i], self.y[i] = x, y

    def state(self) -> str:
        """The whole state as JSON, coordinates as 16-bit numbers."""
        movers = [
            {"id": i, "x": int(x * 65535 / SIZE + 0.5), "y": int(y * 65535 / SIZE + 0.5), "hp": 100}
            for i, (x, y) in enumerate(zip(self.x, self.y, strict=True))
        ]
        return json.dumps({"tick": self.tick, "movers": movers}, separators=(",", ":"))

    async def run(self) -> None:
        """Twenty times a second."""
        loop, layer = asyncio.get_running_loop(), get_channel_layer()
        due = loop.time()
        while True:
            self.step()
            await layer.group_send(self.group, {"type": "room.state", "text": self.state()})
            due += 1 / HZ
            await asyncio.sleep(max(0.0, due - loop.time()))


ROOMS: dict[str, Room] = {}


class Consumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels ships no types
    """One socket."""

    async def connect(self) -> None:
        """Joins the room's group; the first one starts the room."""
        name = self.scope["url_route"]["kwargs"]["room"]
        self.room = ROOMS.get(name) or ROOMS.setdefault(name, Room(name))
        self.mover = self.room.joined % MOVERS
        self.room.joined += 1
        await self.channel_layer.group_add(self.room.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        """Leaves it."""
        await self.channel_layer.group_discard(self.room.group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """An input: the new heading of the own mover, answered at once."""
        message: dict[str, Any] = json.loads(text_data or "{}")
        self.room.v[self.mover] = [message["dx"] * SPEED, message["dy"] * SPEED]
        await self.send(json.dumps({"ack": message["seq"]}, separators=(",", ":")))

    async def room_state(self, event: dict[str, Any]) -> None:
        """The state of a tick."""
        await self.send(event["text"])


application = URLRouter([path("ws/<room>", Consumer.as_asgi())])
