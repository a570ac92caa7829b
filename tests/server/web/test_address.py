"""Whose address counts: one for HTTP and sockets, IPv4 as it is, IPv6 by its network."""

import pytest
from django.test import RequestFactory

from server.web.address import NOWHERE, address_of_request, address_of_scope, counted, is_local


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:c000:207", "192.0.2.7"),
        ("2001:db8:0:1::7", "2001:db8:0:1::/64"),
        ("2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:1::/64"),
        ("2001:0DB8::1:0:0:1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::1"),
        ("/run/roomwright.sock", NOWHERE),
        ("", NOWHERE),
        ("testclient", NOWHERE),
    ],
)
def test_what_a_peer_is_counted_as(peer: str, expected: str):
    assert counted(peer) == expected
    assert address_of_scope({"client": (peer, 4321)}) == expected
    assert address_of_request(RequestFactory().get("/", REMOTE_ADDR=peer)) == expected


def test_a_scope_without_a_peer_is_nowhere():
    assert address_of_scope({"client": None}) == address_of_scope({}) == NOWHERE


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1", ""])
def test_this_machine_is_local(peer: str):
    assert is_local(counted(peer))


@pytest.mark.parametrize("peer", ["192.0.2.1", "10.0.0.1", "2001:db8::1", "fe80::1", "0.0.0.0"])
def test_others_are_not(peer: str):
    assert not is_local(counted(peer))
