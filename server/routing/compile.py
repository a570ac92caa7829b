"""Stage 4, compile: a plan → one consumer class per route, and the router that serves them."""

import re

from channels.routing import URLRouter
from django.urls import re_path

from server.routing.plan import Plan, RoutePlan
from server.sockets.consumer import RoomConsumer


def consumer_of(route: RoutePlan) -> type[RoomConsumer]:
    """A consumer class for one route, named after it."""
    words = re.split(r"[^A-Za-z0-9]+", route.name)
    name = "".join(word.capitalize() for word in words) + "Consumer"
    return type(name, (RoomConsumer,), {"route": route, "__doc__": f"Serves {route.path} ({route.name})."})


def router_of(plan: Plan) -> URLRouter:
    """The router of all routes, in the plan's order of matching."""
    return URLRouter([re_path(route.regex, consumer_of(route).as_asgi()) for route in plan.routes])
