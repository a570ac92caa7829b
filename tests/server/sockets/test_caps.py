"""What one address and one identity may have of a gateway at a time, and that others have theirs."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.wire.closecodes import Close
from server.ops.metrics import REGISTRY
from server.sockets.caps import (
    CONNECTIONS_PER_ADDRESS,
    CONNECTIONS_PER_IDENTITY,
    SEATS_PER_IDENTITY,
    SPECTATORS_PER_ADDRESS,
    UNTOLD_FACTOR,
    Caps,
    Share,
)
from server.web.address import NOWHERE

FAR, NEAR, OTHER = "192.0.2.1", "127.0.0.1", "2001:db8::/64"
NOT_ALLOWED = Close.NOT_ALLOWED.value.code


def refusals(limit: str) -> float:
    return REGISTRY.get_sample_value("roomwright_limit_refusals_total", {"limit": limit}) or 0.0


def enter(caps: Caps, address: str, times: int) -> list[Share]:
    shares = [Share(caps, address) for _ in range(times)]
    assert not any(share.enter() for share in shares)
    return shares


def test_an_address_has_so_many_and_then_is_told_by_name():
    caps, before = Caps(), refusals("connections_per_address")
    shares = enter(caps, FAR, CONNECTIONS_PER_ADDRESS)
    late = Share(caps, FAR)
    assert late.enter().startswith("connections_per_address: one address may have 256 connections and has 256")
    assert refusals("connections_per_address") == before + 1
    enter(caps, OTHER, 1)
    late.give_back()
    shares.pop().give_back()
    enter(caps, FAR, 1)


def test_beyond_twice_as_many_there_is_no_goodbye():
    caps = Caps(per_address=3)
    shares = [Share(caps, FAR) for _ in range(3 * UNTOLD_FACTOR + 1)]
    told = [(bool(share.enter()), share.is_far_beyond) for share in shares]
    assert told == [(False, False)] * 3 + [(True, False)] * 3 + [(True, True)]


@pytest.mark.parametrize("address", [NEAR, "127.0.0.9", "::1", NOWHERE])
def test_this_machine_is_free_until_the_operator_says_a_number(address: str):
    enter(Caps(), address, 3 * CONNECTIONS_PER_ADDRESS)
    caps = Caps(per_address=2)
    enter(caps, address, 2)
    assert Share(caps, address).enter()


def test_off_is_any_number():
    enter(Caps(per_address=0), FAR, 3 * CONNECTIONS_PER_ADDRESS)


def test_the_other_bounds_of_an_address_grow_with_the_first():
    assert Caps().of_address(SPECTATORS_PER_ADDRESS, FAR) == SPECTATORS_PER_ADDRESS
    assert Caps(per_address=4 * CONNECTIONS_PER_ADDRESS).of_address(40, FAR) == 160
    assert Caps(per_address=1).of_address(40, FAR) == 1
    assert Caps(per_address=0).of_address(40, FAR) is None


def test_one_identity_has_so_many_connections_and_seats_whatever_the_rooms():
    caps = Caps()
    for n in range(CONNECTIONS_PER_IDENTITY):
        assert not Share(caps, NEAR).join("ann", f"R{n}", 0)
    assert Share(caps, NEAR).join("ann", "R", 0).startswith("connections_per_identity: one identity may have 32")
    assert not Share(caps, NEAR).join("eve", "R", 0)
    keyboard = [Share(caps, NEAR).join("bob", f"R{n}", 4) for n in range(SEATS_PER_IDENTITY // 4 + 1)]
    assert [bool(reason) for reason in keyboard] == [False] * (SEATS_PER_IDENTITY // 4) + [True]
    assert keyboard[-1].startswith("seats_per_identity: one identity may have 24 seats and has 24")


def test_guests_are_free_so_an_address_has_a_share_of_a_room_s_spectators():
    caps = Caps()
    for n in range(SPECTATORS_PER_ADDRESS):
        assert not Share(caps, FAR).join(f"guest{n}", "K7", 0)
    assert Share(caps, FAR).join("another", "K7", 0).startswith("spectators_per_address: one address may have 64")
    assert not Share(caps, FAR).join("another", "K8", 0)
    assert not Share(caps, OTHER).join("another", "K7", 0)


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from([FAR, OTHER]), st.sampled_from("ab"), st.integers(0, 4))))
def test_what_is_drawn_is_given_back_to_the_last_one(steps: list[tuple[int, str, str, int]]):
    caps, shares, model = Caps(per_address=3), dict[int, Share](), Counter[str]()
    for slot, address, identity, seats in steps:
        if slot in shares:
            model[shares[slot].address] -= 1
            shares.pop(slot).give_back()
        else:
            share = shares[slot] = Share(caps, address)
            assert bool(share.enter()) == (model[address] >= 3)
            model[address] += 1
            share.join(identity, "K7", seats)
    for share in shares.values():
        share.give_back()
    assert not caps._drawn


async def test_a_connection_beyond_its_address_share_is_told_and_counts_until_it_is_gone(process):
    process.gateway.caps.per_address = 2
    ann = await process.joined("/ws/K7", "ann", address=FAR)
    eve = await process.joined("/ws/K7", "eve", address=FAR)
    late = await process.joined("/ws/K7", "bob", address=FAR)
    assert (ann.code, eve.code, late.code) == (None, None, NOT_ALLOWED)
    assert late.client.goodbye.reason.startswith("connections_per_address: ")
    assert (await process.joined("/ws/K7", "bob", address="192.0.2.2")).code is None
    for player in (eve, late):
        await player.socket.disconnect()
    assert (await process.joined("/ws/K7", "bob", address=FAR)).code is None


async def test_a_flood_of_sockets_is_refused_before_it_is_accepted(process):
    process.gateway.caps.per_address = 1
    sockets = [process.socket("/ws/K7", address=FAR) for _ in range(4)]
    answers = [(await socket.connect())[0] for socket in sockets]
    assert answers == [True, True, False, False]
    for socket in sockets:
        await socket.disconnect()
    assert not process.gateway.caps._drawn and not process.gateway.connections


async def test_an_identity_beyond_its_connections_is_told_and_others_come_in(process):
    caps = process.gateway.caps
    for n in range(CONNECTIONS_PER_IDENTITY):
        assert not Share(caps, FAR).join("ann", f"R{n}", 0)
    late = await process.joined("/ws/K7", "ann")
    assert late.code == NOT_ALLOWED and late.client.goodbye.reason.startswith("connections_per_identity: ")
    assert (await process.joined("/ws/K7", "eve")).code is None
