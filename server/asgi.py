"""The ASGI application: `daphne server.asgi:application` serves it as it is, and so does any ASGI server.

Under a server without lifespan the parts start at the first scope: all of them with the in-memory layer, the gateway alone
with a shared one. `python -m server run` builds its own application by `application_of`.
"""

from daphne import server as _reactor_first  # noqa: F401, I001  Twisted's reactor must be chosen before Django loads

from collections.abc import Awaitable, Callable
from typing import Any

from server import starting
from server.django_setup import prepare
from server.layer_check import need_layer

starting.planned()
starting.occupy()
prepare()
need_layer()

from channels.routing import ProtocolTypeRouter  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402

from server.ops.log import configure_logging  # noqa: E402
from server.routing.compile import router_of  # noqa: E402
from server.sockets.refuse import with_no_such_route  # noqa: E402
from server.wiring import GATEWAY, LOOP, WORKER, Parts, install_lobby  # noqa: E402

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]


planned = starting.planned


def application_of(parts: Parts) -> App:
    """HTTP to Django, sockets to the routes, lifespan to the parts."""
    install_lobby(parts)
    http = get_asgi_application()
    inner = ProtocolTypeRouter({"http": http, "websocket": with_no_such_route(router_of(parts.plan))})

    async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(parts, receive, send)
            return
        await parts.start()
        await inner(scope, receive, send)

    return application


async def _lifespan(parts: Parts, receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await parts.start()
            await send({"type": "lifespan.startup.complete"})
        else:
            await parts.drain()
            await send({"type": "lifespan.shutdown.complete"})
            return


def _default() -> App:
    configure_logging(level=settings.ROOMWRIGHT.log_level)
    roles = {GATEWAY} if settings.ROOMWRIGHT.layer.is_shared else {GATEWAY, LOOP, WORKER}
    return application_of(Parts(planned(), frozenset(roles)))


def __getattr__(name: str) -> Any:
    """``application`` is made when a server asks for it, so that `python -m server` can import this module without."""
    if name != "application":
        raise AttributeError(name)
    globals()["application"] = made = _default()
    return made
