"""Whether the channel layer can be used, asked before anything starts: by name, by address, and by its own echo.

A layer may take every call and deliver nothing (a Redis user without rights to channels is such a case), so that only a message
that came back counts. Called by `asgi`, `headless` and the worker; the ports go on asking while the process runs.
"""

import asyncio
import secrets
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, urlsplit

from server.clock import monotonic
from server.layers import LayerSpec, end_tasks, make_layer
from server.starting import NotReadyError, settings, wait_for

ECHO_S = 5.0
ASK_EVERY_S = 0.2
REDIS_ANSWERS_S = 2.0
ALIASES = ("frames", "control")
TLS_SIGNS = ("SSL", "CERTIFICATE", "certificate")


def need_layer() -> None:
    """Returns once the layer of `ROOMWRIGHT_LAYER` can be used; prints one line and ends the process with 2 where it never will."""
    spec: LayerSpec = settings().layer
    if spec.is_shared:
        wait_for("the layer", lambda: check_layer(spec))


def check_layer(spec: LayerSpec) -> None:
    """Raises NotReadyError: the class does not import, its server does not answer, or no message comes back."""
    for alias in ALIASES:
        _made(spec, alias)
    if spec.kind in ("pubsub", "core"):
        _ask_redis(spec)
    for alias in ALIASES:
        _in_a_loop_of_its_own(lambda alias=alias: _echo(spec, alias))  # type: ignore[misc]


def address_of(spec: LayerSpec) -> str:
    """Where the layer's server is, without a password; the class's name where only that is known."""
    hosts = spec.config.get("hosts") if spec.kind in ("pubsub", "core") else None
    if not hosts:
        return spec.backend
    parts = urlsplit(hosts[0]["address"])
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _made(spec: LayerSpec, alias: str) -> Any:
    try:
        return make_layer(alias)
    except Exception as error:  # noqa: BLE001 - a class of anybody's: it may raise what it likes
        raise NotReadyError(
            f"ROOMWRIGHT_LAYER: expected a layer class that can be imported and made, got {spec.backend}: {error}"
        ) from None


# ---- Redis


def _ask_redis(spec: LayerSpec) -> None:
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError
    from redis.retry import Retry

    url = spec.config["hosts"][0]["address"]
    limits = {"socket_timeout": REDIS_ANSWERS_S, "socket_connect_timeout": REDIS_ANSWERS_S}
    try:
        with Redis.from_url(url, retry=Retry(NoBackoff(), 0), **limits) as client:
            client.ping()
            if spec.kind == "pubsub":
                _ask_channels(client, f"{spec.prefix}.control__group__probe.{secrets.token_hex(8)}")
    except (RedisError, OSError, ValueError) as error:
        mismatch = _tls_mismatch(urlsplit(url)) if _may_pass(error) else ""
        raise NotReadyError(
            f"ROOMWRIGHT_LAYER: expected a Redis that can be used at {address_of(spec)}, got: {mismatch or _cause(error)}",
            may_pass=_may_pass(error) and not mismatch,
        ) from None


def _tls_mismatch(url: SplitResult) -> str:
    """What is wrong where only one side speaks TLS: such a pair just waits, or hangs up without a word."""
    try:
        with socket.create_connection((url.hostname or "", url.port or 6379), timeout=REDIS_ANSWERS_S) as raw:
            if url.scheme == "rediss":
                raw.sendall(b"PING\r\n")
                return "a Redis without TLS; write redis:// for rediss://" if raw.recv(1) in (b"+", b"-") else ""
            with _any_certificate().wrap_socket(raw):
                return "a server that speaks TLS; write rediss:// for redis://"
    except OSError:
        return ""


def _any_certificate() -> ssl.SSLContext:
    """For a look at whether there is TLS at all; nothing is sent through it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _ask_channels(client: Any, channel: str) -> None:
    with client.pubsub() as listener:
        listener.subscribe(channel)
        listener.get_message(timeout=REDIS_ANSWERS_S)
        client.publish(channel, b"")


def _cause(error: Exception) -> str:
    from redis.exceptions import NoPermissionError

    if isinstance(error, NoPermissionError):
        return f"{error} (its user needs rights to commands, to keys ~* and to channels &*)"
    return str(error) or type(error).__name__


def _may_pass(error: Exception) -> bool:
    """A server that is away, starts or is full may come back; a wrong password, a missing right, TLS on one side only do not."""
    from redis.exceptions import AuthenticationError, AuthorizationError, ConnectionError, TimeoutError  # noqa: A004

    if isinstance(error, AuthenticationError | AuthorizationError) or any(sign in str(error) for sign in TLS_SIGNS):
        return False
    return isinstance(error, ConnectionError | TimeoutError | OSError)


# ---- any layer


async def _echo(spec: LayerSpec, alias: str) -> None:
    # What tasks of the back end's own die of is what the echo is missed for: one line tells it, and no traceback beside it.
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    try:
        async with asyncio.timeout(ECHO_S):
            await _hear_ourselves(make_layer(alias))
    except TimeoutError:
        got = f"none within {ECHO_S:g} s"
    except Exception as error:  # noqa: BLE001 - every back end has its own errors
        got = _cause(error)
    else:
        return
    raise NotReadyError(
        f"ROOMWRIGHT_LAYER: expected the echo of a message through {address_of(spec)} ({alias}), got: {got}",
        may_pass=got.startswith("none") or "refused" in got,
    )


async def _hear_ourselves(layer: Any) -> None:
    group, channel = f"probe.{secrets.token_hex(8)}", await layer.new_channel()
    receiving = asyncio.ensure_future(layer.receive(channel))
    try:
        await layer.group_add(group, channel)
        began = monotonic()
        while not receiving.done() and monotonic() - began < ECHO_S:
            await layer.group_send(group, {"type": "layer.probe"})  # sent again: a subscription may take its time
            await asyncio.wait([receiving], timeout=ASK_EVERY_S)
        if not receiving.done():
            raise TimeoutError
        receiving.result()
        await layer.group_discard(group, channel)
    finally:
        await end_tasks(receiving)


def _in_a_loop_of_its_own(work: Callable[[], Any]) -> None:
    """Runs a coroutine in a thread: the caller's may have an event loop already, running or waiting to be run."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(work())
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            raised.append(error)

    thread = threading.Thread(target=run, name="layer-check")
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
