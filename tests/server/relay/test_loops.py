"""Where new rooms go, by counts: over two and three loops, from one and two gateways, whatever the loops have announced yet."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.relay import envelope as e
from server.relay.loops import LOOP_SILENT_S, LOST_FOR_S, PLACED_FOR_S, Loops

TERMS = e.Terms("schema-a", "plan-a", 1)
OTHER = e.Terms("schema-b", "plan-a", 1)


def info(incarnation: str, code: str = "", state: str = "open") -> e.RoomInfo:
    return e.RoomInfo(incarnation, code or incarnation, "arena", 0, 0, 0, 8, state, 1)


def word(node: str, rooms: int = 0, **more: object) -> e.Announcement:
    infos = tuple(info(f"{node}-{n}") for n in range(rooms))
    return e.Announcement(node, f"channel of {node}", infos, carries={"arena": TERMS}, **more)  # type: ignore[arg-type]


def gateway(*words: e.Announcement, salt: str = "gw1") -> Loops:
    loops = Loops(0.0, salt)
    for told in words:
        loops.on_announcement(told, 0.0)
    return loops


def spread(loops: Loops, rooms: int, prefix: str = "r") -> Counter[str]:
    chosen = [loops.chosen(0.5, f"{prefix}{n}", "arena", TERMS) for n in range(rooms)]
    return Counter(loop.node for loop in chosen if loop is not None)


@pytest.mark.parametrize("names", [("a", "b"), ("a", "b", "c"), ("b", "a")])
def test_thirty_rooms_at_once_are_spread_over_idle_loops(names: tuple[str, ...]):
    assert set(spread(gateway(*map(word, names)), 30).values()) == {30 // len(names)}


@pytest.mark.parametrize("loops", [2, 3])
def test_two_gateways_that_know_nothing_of_each_other_spread_them_too(loops: int):
    words = [word(f"loop{n}") for n in range(loops)]
    both = spread(gateway(*words, salt="gw1"), 15, "x") + spread(gateway(*words, salt="gw2"), 15, "y")
    assert sum(both.values()) == 30
    assert max(both.values()) - min(both.values()) <= 2


def test_of_equal_loops_not_all_gateways_choose_the_same_one():
    first = Counter(
        found.node
        for n in range(60)
        if (found := gateway(word("a"), word("b"), word("c"), salt=f"gw{n}").chosen(0.5, "room", "arena", TERMS))
    )
    assert set(first) == {"a", "b", "c"}
    assert max(first.values()) < 40


def test_the_one_with_fewer_rooms_gets_them_until_they_are_even():
    assert spread(gateway(word("a", 10), word("b", 2)), 12) == {"a": 2, "b": 10}


def test_a_busy_loop_counts_as_if_it_had_more():
    assert spread(gateway(word("a", 0, load=0.63), word("b", 20, load=0.04)), 30) == {"b": 30}
    assert spread(gateway(word("a", 0, load=0.05), word("b", 0, load=0.04)), 30) == {"a": 15, "b": 15}


def test_the_same_room_goes_to_the_same_loop_while_it_opens():
    loops = gateway(word("a"), word("b"))
    assert len({loops.chosen(0.1 * n, "room", "arena", TERMS).node for n in range(30)}) == 1  # type: ignore[union-attr]
    assert spread(loops, 9)[loops.chosen(0.5, "room", "arena", TERMS).node] == 4  # type: ignore[union-attr]  # and counts once


def test_a_room_that_is_announced_counts_once_and_one_that_never_is_not_for_ever():
    loops = gateway(word("a"), word("b"))
    spread(loops, 10, "a-")
    for node in "ab":
        rooms = tuple(info(key) for key, placed in list(loops._placed.items()) if placed.node == node)
        loops.on_announcement(e.Announcement(node, "", rooms, carries={"arena": TERMS}), 0.6)
    assert not loops._placed
    spread(loops, 10, "b-")
    loops.forget_silent(0.5 + PLACED_FOR_S + 1.0)
    assert not loops._placed


def test_a_loop_that_drains_gets_nothing_more():
    loops = gateway(word("a"), word("b"))
    loops.on_announcement(word("a", is_draining=True), 0.1)
    assert spread(loops, 30) == {"b": 30}
    loops.on_announcement(word("b", is_draining=True), 0.2)
    assert loops.chosen(0.5, "room", "arena", TERMS) is None
    assert not loops.has_any(0.5)


def test_only_loops_with_the_same_terms_get_rooms():
    loops = gateway(word("a"))
    loops.on_announcement(e.Announcement("b", "", (), carries={"arena": OTHER}), 0.0)
    loops.on_announcement(e.Announcement("c", "", ()), 0.0)  # an older process says nothing
    assert spread(loops, 30) == {"a": 30}
    assert [loops.differs(node, "arena", TERMS) for node in "abc"] == ["", "schema", "untold"]
    assert loops.chosen(0.5, "room", "doodle", TERMS) is None


def test_a_loop_that_refused_a_room_is_not_asked_for_it_again_while_there_is_another():
    loops = gateway(word("a"), word("b"))
    first = loops.chosen(0.5, "room", "arena", TERMS)
    assert first is not None
    loops.refused("room", first.node, 0.5)
    second = loops.chosen(0.6, "room", "arena", TERMS)
    assert second is not None
    assert second.node != first.node
    loops.refused("room", second.node, 0.6)
    assert loops.chosen(0.7, "room", "arena", TERMS) is not None


def test_a_code_whose_loop_drains_or_fell_silent_is_lost_for_a_while_and_no_other_is():
    loops = gateway(word("a"), word("b"))
    loops.on_announcement(e.Announcement("a", "", (info("i1", "K7"),), carries={"arena": TERMS}), 1.0)
    assert not loops.is_lost("K7", 1.5)
    found = loops.place_of("K7", 1.5)
    assert found is not None
    assert (found[0].node, found[1:]) == ("a", ("i1", "arena"))
    loops.on_announcement(
        e.Announcement("a", "", (info("i1", "K7", "ended"),), carries={"arena": TERMS}, is_draining=True), 2.0
    )
    assert loops.is_lost("K7", 2.0)
    assert loops.place_of("K7", 2.0) is None
    assert not loops.is_lost("K8", 2.0)
    assert not loops.is_lost("K7", 2.0 + LOST_FOR_S)
    loops.on_announcement(e.Announcement("b", "", (info("i2", "L7"),), carries={"arena": TERMS}), 3.0)
    assert not loops.is_lost("L7", 3.0 + LOOP_SILENT_S - 0.1)
    assert loops.is_lost("L7", 3.0 + LOOP_SILENT_S)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20), st.floats(0, 1)), min_size=1, max_size=6),
    st.lists(st.integers(0, 40), max_size=60),
)
def test_whatever_is_announced_a_room_goes_to_a_loop_that_is_there(
    words: list[tuple[str, int, float]], rooms: list[int]
):
    loops = gateway(*(word(node, count, load=load) for node, count, load in words))
    for n in rooms:
        found = loops.chosen(0.5, f"r{n}", "arena", TERMS)
        assert found is not None
        assert found.node in loops.seen
        again = loops.chosen(0.6, f"r{n}", "arena", TERMS)
        assert again is not None
        assert again.node == found.node
    assert len(loops._placed) == len(set(rooms))
