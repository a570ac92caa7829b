"""The simulated world as a whole: the same seed gives the same run in any process, fast; and bugs that it has found stay fixed."""

import itertools
import os
import subprocess
import sys
import time
from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from server.verify import trace as tr
from server.verify import two_runs
from server.verify.again import played_elsewhere
from server.verify.promises import violations
from server.verify.simlayer import KINDS, Kind
from server.verify.world import SETTLE_MIN_S, TICK_S, World
from tests.verify.calm import Act, Calm
from tests.verify.mutants import schedule
from tests.verify.stories import assert_promises_kept, begun, newcomer, second_tab
from tests.verify.subjects import calm

PRINT_DIGEST = """
import django; django.setup()
from server.verify.world import World
from tests.verify.mutants import schedule
from tests.verify.subjects import calm
s = calm(delay="2s", bots=2)
with World(s.plan, s.room, 7, "core") as world:
    schedule.busy(world)
    print(world.trace.digest())
"""


def test_the_same_seed_is_the_same_run_in_every_process():
    digests = set()
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "DJANGO_SETTINGS_MODULE": "server.settings"}
        done = subprocess.run([sys.executable, "-c", PRINT_DIGEST], env=environment, capture_output=True, check=True)
        digests.add(done.stdout)
    assert len(digests) == 1


def test_eight_clients_at_20_hz_and_its_speed_is_printed():
    with begun(1, "pubsub") as world:
        people = [newcomer(world) for _ in range(8)]
        started, began_at = time.process_time(), world.now
        for step in range(200):
            for n, client in enumerate(people):
                if (step + n) % 4 == 0:
                    world.do(partial(client.send, Act("score", step)))
            world.advance(0.05)
        speed = (world.now - began_at) / (time.process_time() - started)
        print(f"simulated world: {speed:.0f} virtual seconds per second of CPU, {world.frames_delivered} frames")
        assert world.frames_delivered > 8 * 150


@pytest.mark.parametrize("kind", KINDS)
def test_two_runs_that_differ_in_what_a_viewer_may_not_see(kind):
    assert two_runs.non_interference(calm(delay="2s"), 3, kind) == []
    assert two_runs.stalled_neighbour(calm(), 3, kind) == []


@pytest.mark.parametrize("kind", ["memory", "pubsub"])
def test_a_step_of_the_wall_clock_changes_no_byte(kind):
    assert two_runs.clock_independence(calm(), 3, kind) == []


def test_a_record_comes_to_the_same_state_in_a_second_process():
    kept = two_runs.run(calm(bots=2), 5, "memory").kept
    assert kept
    assert [played_elsewhere(record, hash_seed) for record in kept for hash_seed in (1, 2)] == [""] * 2 * len(kept)


def test_who_comes_back_with_everything_unanswered_is_let_in():
    """Found by `schedule.flood`: the room turned away whoever had more unanswered inputs than it queued, each time anew."""
    subject = calm()
    with World(subject.plan, subject.room, 2, "memory") as world:
        schedule.flood(world)
        assert_promises_kept(world)
        assert world.clients["c1"].is_live


def test_a_delayed_spectator_of_an_idle_room_hears_of_it_after_the_layer_came_back():
    """Found by programs: the repeated private part was used up before its public part, so that the frame never got whole."""
    with begun(0, gateways=1, delay="2s") as world:
        newcomer(world)
        world.advance(0.3)
        newcomer(world, "spectator")
        world.restart_layer(0.2)
        world.heal()
        assert_promises_kept(world)


def test_chat_of_a_second_newcomer_reaches_the_first_one_too():
    """Found by programs, O24: a line's news went out before the group was joined; the next newcomer's history brought it."""
    with begun(0, gateways=1) as world:
        a, b, c = (newcomer(world) for _ in range(3))
        world.advance(0.3)
        newcomer(world, "spectator", is_binary=False)
        for leaver in (b, c):
            world.do(leaver.leave)
        for n in (1, 2):
            world.do(partial(a.say, f"line {n}"))
        late = newcomer(world, "spectator", is_binary=False)
        world.do(lambda: a.socket.cut("network"))  # type: ignore[union-attr]  # it is in
        world.heal()
        assert [line.n for line in late.machine.chat] == [1, 2]
        assert_promises_kept(world)


def test_an_input_counts_as_sent_by_each_connection_that_sends_it():
    """Found by programs, O1's predicate: c1 and a second tab resume in one tick; c1's input waits for its next welcome."""
    with begun(3) as world:
        c1 = newcomer(world, gateway="gw1")
        world.advance(0.5)
        c1.wants_in = False
        world.note_fault("socket_cut", "c1")
        world.do(lambda: c1.socket.cut("network"))  # type: ignore[union-attr]  # it is in
        world.advance(0.31)  # both tabs ask in one tick
        world.do(c1.come_back)
        c2 = second_tab(world, c1, gateway="gw2")
        while len(world.trace.of(tr.Welcomed)) < 3:
            world.advance(0.002)
        world.stall(world.gateways[1], 10.0)  # before it tells that c2 had its welcome
        world.do(lambda: c2.send(Act("score", 222)))
        world.advance(0.05)
        generations = [seats[0][2] for seats in (event.seats for event in world.trace.of(tr.Welcomed))]
        shown = [seat[1] for held in world.trace.of(tr.SeatsHeld) for seat in held.seats]
        assert generations == [1, 2, 3] and 2 not in shown, (generations, shown)
        world.do(lambda: c1.send(Act("score", 111)))  # while it is away: replaced by its second tab
        c2.wants_in = False
        world.kill_gateway(1)
        world.do(c1.come_back)
        world.advance(0.5)
        world.heal()
        taken = [values for step in world.trace.of(tr.Stepped) for _, _, values in step.inputs]
        assert [values[1] for values in taken] == [111], taken
        assert_promises_kept(world)


def test_rules_that_crash_a_room_are_reported_as_the_authors(monkeypatch):
    def step(*_):
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(Calm, "step", step)
    subject = calm()
    with World(subject.plan, subject.room, 1) as world:
        schedule.ending(world)
        crashed = [violation for violation in violations(world.trace) if violation.promise == "O23"]
        place = f"{__file__}:{step.__code__.co_firstlineno + 1}"
        expected = f"(the game's own code failed, not the server's): ZeroDivisionError('planted') at {place}"
        assert crashed
        assert expected in crashed[0].text


@pytest.mark.parametrize("after_s", [0.0, 0.01, 0.02, 0.03, 0.04, 0.05])
def test_who_leaves_while_a_second_tab_takes_over_has_left(after_s):
    """Found by programs, O19's predicate: it asked for the goodbye of the replaced, and its client had left by itself."""
    with begun(1, "core", gateways=1) as world:
        first = newcomer(world)
        world.advance(0.3)
        second_tab(world, first)
        world.advance(after_s)
        world.do(first.leave)
        world.heal()
        assert_promises_kept(world)


@pytest.mark.parametrize("after_s", [0.0, 0.01, 0.02, 0.03, 0.04, 0.05])
def test_a_tab_that_was_taken_over_and_has_not_heard_of_it_is_told_with_the_effect(after_s):
    """Found by programs, O9: answers went to the newest generation of the seat only, the effect to the older one too."""
    with begun(0, gateways=1) as world:
        first = newcomer(world)
        world.advance(0.3)
        world.deafen(world.gateways[0].name, "control")
        world.advance(after_s)
        world.do(partial(first.send, Act("score", 1)))
        second_tab(world, first)
        world.do(partial(first.send, Act("score", 2)))
        world.heal()
        assert_promises_kept(world)


def test_who_was_replaced_in_the_tick_of_its_kick_is_told_the_one_or_the_other():
    """Found by programs, O11's predicate: it asked for a kick's goodbye of a connection that a second tab had replaced."""
    with begun(0, gateways=1) as world:
        first = newcomer(world)
        world.advance(0.3)
        world.stall(world.loops[0], 0.3)
        second_tab(world, first)
        world.advance(0.1)
        world.kick(first)
        world.heal()
        kicked = world.trace.of(tr.Kicked)
        assert len(kicked) == 1 and not kicked[0].conns, kicked
        assert_promises_kept(world)


SLEEPS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 1), st.floats(0.05, 1.0), st.floats(0.1, 2.5)), min_size=1, max_size=5
)


@settings(max_examples=12, phases=(Phase.generate,), suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(sleeps=SLEEPS, kind=st.sampled_from(KINDS), seed=st.integers(0, 99))
def test_no_sleep_of_a_process_costs_anybody_a_socket(
    sleeps: list[tuple[bool, int, float, float]], kind: Kind, seed: int
):
    """A loop may sleep for 4.5 s, a gateway for 1.5 s: longer, and the *others* are right to call it silent."""
    with begun(seed, kind) as world:
        people = [newcomer(world, gateway=f"gw{1 + n % 2}") for n in range(3)]
        world.advance(1.0)
        newcomer(world, "spectator")
        world.advance(0.5)
        for is_loop, which, share, awake_s in sleeps:
            process = world.loops[0] if is_loop else world.gateways[which]
            for_s = share * (4.5 if is_loop else 1.5)
            world.stall(process, for_s)
            world.advance(for_s)
            for n in range(round((1.5 + awake_s) / TICK_S)):
                world.do(partial(people[n % 3].send, Act("score", n)))
                world.advance(TICK_S)
        assert [(event.client, event.code) for event in world.trace.of(tr.Closed)] == []
        world.heal()
        assert_promises_kept(world)


def test_once_all_is_healed_no_frame_vanishes_in_a_client():
    """Found by programs, O15 of the kit: frames were to vanish in a client, and none came before everything was healed."""
    with begun(0, gateways=1) as world:
        idler, actor = newcomer(world), newcomer(world)
        world.advance(0.5)
        idler.swallows = 3
        ticks = itertools.count(1)

        def seldom() -> None:
            tick = next(ticks)
            if tick * TICK_S > SETTLE_MIN_S and tick % 18 == 0:
                world.do(partial(actor.send, Act("score", tick)))

        world.heal(meanwhile=seldom)
        assert_promises_kept(world)
