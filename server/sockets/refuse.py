"""The answer to a socket on a path that no route serves: accepted, told why, and closed with 4404.

A rejection before the accept would show as a bare 1006 in a browser.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from game.wire import messages as m
from game.wire.closecodes import Close

App = Callable[[Any, Any, Any], Awaitable[Any]]


def with_no_such_route(router: App) -> App:
    """The router, with a goodbye instead of an exception where no route matches."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        try:
            await router(scope, receive, send)
        except ValueError as error:
            if "No route found" not in str(error):
                raise
            await _refuse(scope, receive, send)

    return application


async def _refuse(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    chosen = next((name for name in scope.get("subprotocols") or [] if name in (m.BIN, m.JSON)), None)
    await send({"type": "websocket.accept", "subprotocol": chosen})
    close = Close.NO_SUCH_ROOM.value
    goodbye = m.Goodbye(close.code, close.name, f"no route serves {scope['path'][:200]}; see `python -m server routes`")
    await send({"type": "websocket.send", "text": m.encode(goodbye)})
    await send({"type": "websocket.close", "code": close.code})
