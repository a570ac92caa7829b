"""Chooses the event loop and Twisted's reactor: imported before anything that would bring in another one.

Daphne takes the asyncio reactor that it finds installed. uvloop, where it is installed, is the quicker loop
(docs/decisions/0006 has the figures); without it asyncio's own serves just as well.
"""

import asyncio
import importlib.util
import select
import sys

from twisted.internet.main import installReactor

from server.serving.steady import SteadyReactor


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop with our own watch over descriptors; asyncio's loop where there is no uvloop or no epoll."""
    if importlib.util.find_spec("uvloop") is None or not hasattr(select, "epoll"):
        return asyncio.new_event_loop()
    from server.serving.readiness import ReadinessLoop

    return ReadinessLoop()


def install() -> None:
    """Installs the reactor, unless one is there already: then that one's loop serves."""
    if "twisted.internet.reactor" not in sys.modules:
        installReactor(SteadyReactor(new_loop()))  # type: ignore[no-untyped-call]  # Twisted's


def loop() -> asyncio.AbstractEventLoop:
    """The loop that the installed reactor runs on."""
    from twisted.internet import reactor

    found: asyncio.AbstractEventLoop = reactor._asyncioEventloop  # noqa: SLF001 - as Daphne does
    return found
