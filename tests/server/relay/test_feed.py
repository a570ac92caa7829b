"""The feed: two parts of a frame in any order, either lost, holes noticed and asked for once, chat in one order."""

from itertools import permutations

import pytest

from game.fields import SEAT, TEAM
from game.tracker import PUBLIC_SECTION, Section
from game.wire.frames import Answer, answer_rows
from game.wire.ring import RingFrame
from server.relay import envelope as e
from server.relay.feed import ASK_EVERY_S, CHAT_LATE_S, PENDING_MAX, Feed

MINE, OTHERS = Section(SEAT, 1), Section(TEAM, 0)


def public(seq, *, base=None, key=False, patch=True, to=("g",), epoch=1, stream=e.LIVE_STREAM, chat=0):
    base = max(0, seq - 3) if base is None else base
    key_bytes, patch_bytes = b"K%d" % seq if key else None, b"P%d" % seq if patch else None
    return e.PublicFrame("r", stream, epoch, seq, base, seq, 0, patch_bytes, key_bytes, ("g",), to, "l", "l!", chat)


def head(seq, epoch=1):
    return public(seq, patch=False, epoch=epoch, to=())


def private(seq, *sections, key=False, epoch=1, stream=e.LIVE_STREAM, number=0):
    rows = tuple((s.audience.value, s.of, b"p%d" % seq, b"k%d" % seq if key else None) for s in sections or (MINE,))
    answer = answer_rows([Answer(0, seq, seq)])
    return e.PrivateFrame("r", stream, epoch, seq, rows, {1: answer}, number)


def lines(*numbers):
    return tuple(e.WireLine(n, "ann", "player", f"line {n}", 0, 1) for n in numbers)


def newest(feed: Feed) -> RingFrame:
    assert feed.ring.newest is not None
    return feed.ring.newest


def may_start(feed: Feed, *sections: Section) -> bool:
    """Whether a newcomer with these sections gets the newest frame."""
    return feed.ring.slice(sections, (), None) is not None


def started() -> Feed:
    feed = Feed("g", 50)
    feed.on_public(public(1, key=True))
    feed.on_private(private(1, key=True))
    return feed


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_the_parts_join_in_any_order(order):
    feed = started()
    parts = [
        lambda: feed.on_public(public(2)),
        lambda: feed.on_private(private(2)),
        lambda: feed.on_public(public(3)),
        lambda: feed.on_private(private(3)),
    ]
    for index in order:
        parts[index]()
    assert newest(feed).seq == 3 and feed.is_complete
    assert [answer.n for answer in newest(feed).answers[1].read()] == [3]
    assert feed.ring.slice((PUBLIC_SECTION, MINE), (PUBLIC_SECTION, MINE), 1) is not None


def test_a_frame_is_not_whole_before_its_private_part():
    feed = started()
    assert feed.on_public(public(2))
    was_complete = feed.is_complete
    assert feed.on_private(private(2))
    assert (was_complete, feed.is_complete) == (False, True)
    assert not feed.on_private(private(2)), "a repeat is nothing new"
    assert not feed.on_public(public(2)) and feed.is_complete


def test_a_frame_without_a_part_for_us_is_whole_at_once_and_forgets_our_sections():
    feed = started()
    assert may_start(feed, PUBLIC_SECTION, MINE)
    assert feed.on_public(public(2, to=("other",))) and feed.is_complete
    feed.on_public(public(3))
    feed.on_private(private(3))  # ours again, with a patch that would fit what we had
    assert may_start(feed, PUBLIC_SECTION) and not may_start(feed, PUBLIC_SECTION, MINE)


def test_a_lost_private_part_is_covered_by_the_next():
    feed = started()
    feed.on_public(public(2))
    feed.on_public(public(3))
    feed.on_private(private(3))
    assert feed.ring.chain(MINE, 1, 3) is not None


def test_a_section_that_is_not_listed_is_forgotten_so_that_no_stale_state_can_be_built_on():
    feed = started()
    feed.on_public(public(2))
    feed.on_private(private(2, OTHERS, key=True))
    feed.on_public(public(3))
    feed.on_private(private(3, MINE, OTHERS))
    assert feed.ring.chain(MINE, None, 3) is None and feed.ring.chain(OTHERS, None, 3) is not None


def test_early_private_parts_are_bounded():
    feed = started()
    for seq in range(10, 10 + 3 * PENDING_MAX):
        feed.on_private(private(seq))
    assert len(feed._early) == PENDING_MAX


def test_a_new_epoch_starts_afresh_and_an_old_one_is_ignored():
    feed = started()
    assert feed.on_public(public(1, key=True, epoch=2, to=()))
    assert feed.ring.epoch == 2 and feed.is_complete
    assert may_start(feed, PUBLIC_SECTION) and not may_start(feed, PUBLIC_SECTION, MINE)
    assert not feed.on_public(public(9, key=True, epoch=1))
    assert newest(feed).seq == 1


def test_a_hole_makes_it_lack_a_key_until_one_comes():
    feed = started()
    feed.on_public(public(8, base=5))
    assert feed.is_lacking and feed.holes == 1
    feed.on_public(public(9, key=True))
    assert not feed.is_lacking


def test_answers_that_a_whole_window_of_lost_private_parts_carried_are_asked_for():
    feed = started()
    for seq in range(2, 5):
        feed.on_public(public(seq))
    assert not feed.is_lacking, "the next private part may still cover them"
    feed.on_public(public(5))
    feed.on_private(private(5))
    assert feed.is_lacking, "frame 5 goes on from 2, and what 2 to 4 carried never came"


def test_what_a_hole_swallowed_stays_unknown_until_a_whole_key_is_there():
    feed = started()
    feed.on_public(public(8, base=5))
    feed.on_private(private(8))
    feed.on_public(public(9, key=True))  # its private part is lost
    feed.on_public(public(10))
    assert feed.is_lacking
    feed.on_public(public(11, key=True))
    feed.on_private(private(11, key=True))
    feed.on_public(public(12))
    assert not feed.is_lacking


def test_answers_stay_at_hand_for_who_was_not_shown_their_frame():
    feed = started()
    feed.on_public(public(2, to=()))
    assert newest(feed).answers == {}
    assert [answer.n for answer in feed.ring.answers[1].read()] == [1]


def test_a_feed_that_begins_with_a_patch_lacks_a_key():
    feed = Feed("g", 50)
    feed.on_public(public(5))
    assert feed.is_lacking and feed.holes == 0


@pytest.mark.parametrize(
    ("seq", "is_lacking", "is_shown"), [(1, False, True), (2, True, False)], ids=["nothing missed", "a frame missed"]
)
def test_a_head_tells_whether_something_was_missed(seq, is_lacking, is_shown):
    feed = started()
    assert feed.on_public(head(seq)) is is_shown and feed.is_lacking is is_lacking


def test_a_head_tells_a_feed_without_frames_or_without_a_private_part_to_ask():
    feed = Feed("g", 50)
    assert not feed.on_public(head(4)) and feed.is_lacking
    feed = started()
    feed.on_public(public(2))
    assert not feed.on_public(head(2)) and feed.is_lacking


def test_a_key_is_asked_for_at_most_once_at_a_time():
    feed = started()
    asked = [feed.may_ask_key(n * ASK_EVERY_S / 4) for n in range(9)]
    assert asked == [True, False, False, False, True, False, False, False, True]


def test_repeats_of_a_delayed_stream_count_only_where_they_were_asked_for():
    feed = Feed("g", 50)
    delayed = {"stream": e.DELAYED_STREAM}
    feed.on_public(public(5, **delayed, to=()))
    assert not feed.on_public(public(3, key=True, **delayed, to=()))
    feed.may_ask_key(0.0)
    assert feed.on_public(public(3, key=True, **delayed, to=()))
    feed.on_public(public(4, **delayed, to=()))
    feed.on_public(public(5, **delayed, to=()))
    assert feed.ring.chain(PUBLIC_SECTION, None, 5) is not None
    live = started()
    live.on_public(public(5, base=1))
    live.may_ask_key(0.0)
    assert not live.on_public(public(3, key=True)), "the live stream cuts a new KEY instead"


def test_chat_waits_behind_a_hole_until_the_room_sent_all_that_it_has():
    feed = Feed("g", 50)
    feed.start_chat(lines(4, 5), 5)
    feed.add_lines(lines(7))
    assert [line.n for line in feed.chat] == [4, 5]
    assert feed.may_ask_chat(7, 1.0), "a hole is asked for at once"
    assert not feed.may_ask_chat(7, 1.1)
    feed.add_lines(lines(5, 6, 7), is_all=True)
    assert [line.n for line in feed.chat] == [4, 5, 6, 7] and not feed.may_ask_chat(7, 9.0)


def test_a_line_that_is_only_late_is_not_asked_for():
    feed = Feed("g", 50)
    feed.start_chat((), 3)
    assert not feed.may_ask_chat(4, 1.0)
    feed.add_lines(lines(4))
    assert not feed.may_ask_chat(4, 1.0 + CHAT_LATE_S)
    assert not feed.may_ask_chat(5, 2.0) and feed.may_ask_chat(5, 2.01 + CHAT_LATE_S)


def test_lines_that_nobody_has_any_more_leave_a_hole_and_the_chat_goes_on():
    feed = Feed("g", 3)
    feed.start_chat((), 2)
    feed.add_lines(lines(9, 10, 11, 12), is_all=True)
    assert [line.n for line in feed.chat] == [10, 11, 12] and feed.chat_through == 12
