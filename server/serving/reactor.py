"""Chooses the event loop and Twisted's reactor: imported before anything that would bring in another one.

Daphne takes the asyncio reactor that it finds installed. uvloop, where it is installed, is the quicker loop
(docs/decisions/0006 has the figures); without it asyncio's own serves just as well.
"""

import asyncio
import importlib.util
import sys

from twisted.internet import asyncioreactor


def _new_loop() -> asyncio.AbstractEventLoop:
    if importlib.util.find_spec("uvloop") is None:
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()


def install() -> None:
    """Installs the reactor, unless one is there already: then that one's loop serves."""
    if "twisted.internet.reactor" not in sys.modules:
        asyncioreactor.install(_new_loop())  # type: ignore[no-untyped-call]  # Twisted's


def loop() -> asyncio.AbstractEventLoop:
    """The loop that the installed reactor runs on."""
    from twisted.internet import reactor

    found: asyncio.AbstractEventLoop = reactor._asyncioEventloop  # noqa: SLF001 - as Daphne does
    return found
