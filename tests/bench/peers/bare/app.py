"""The floor: an ASGI application that accepts WebSockets and does nothing. `daphne app:application`."""

from typing import Any


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Accepts, then reads until the socket ends."""
    if scope["type"] != "websocket":
        return
    while True:
        message = await receive()
        if message["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        elif message["type"] == "websocket.disconnect":
            return
