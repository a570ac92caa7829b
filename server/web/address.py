"""Whose address a request or a socket counts for: the one place that says so, for HTTP and WebSockets alike.

It is the peer of the TCP connection. Behind a reverse proxy that is the proxy's.
"""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from django.http import HttpRequest

IPV6_PREFIX = 64  # what one subscriber has: all its addresses count as one
NOWHERE = ""  # a socket of the file system, a test's: whoever is there is on this machine


def address_of_request(request: HttpRequest) -> str:
    """The address that an HTTP request counts for; NOWHERE where it came by no network."""
    return counted(str(request.META.get("REMOTE_ADDR") or ""))


def address_of_scope(scope: Mapping[str, Any]) -> str:
    """The address that an ASGI connection counts for; NOWHERE where it came by no network."""
    client = scope.get("client")
    return counted(str(client[0])) if client else NOWHERE


@lru_cache(maxsize=4096)
def counted(peer: str) -> str:
    """What a peer is counted as: an IPv4 address as it is, also where IPv6 carries it; of an IPv6 address its network of /64."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return NOWHERE
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        if mapped is None:
            return "::1" if address.is_loopback else str(ip_network((address, IPV6_PREFIX), strict=False))
        address = mapped
    return str(address)


def is_local(address: str) -> bool:
    """Whether a counted address is this machine's own: swarms, benches, and a reverse proxy beside us."""
    if address in (NOWHERE, "::1"):
        return True
    return ":" not in address and IPv4Address(address).is_loopback
