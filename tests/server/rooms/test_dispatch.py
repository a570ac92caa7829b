"""Frames of one moment in few messages, and never in an order that a gateway could not join."""

from typing import Any

from attrs import define, field

from game.tracker import PUBLIC_SECTION, SPECTATORS_SECTION
from server.relay import envelope as e
from server.relay.feed import PENDING_MAX, Feed
from server.rooms.dispatch import Dispatch
from server.rooms.outgoing import FrameOut


@define
class Layer:
    """Keeps what is sent, in order."""

    sent: list[tuple[str, dict[str, Any]]] = field(factory=list)

    def send(self, channel: str, message: dict[str, Any]) -> None:
        """To one channel."""
        self.sent.append((channel, message))

    def group_send(self, group: str, message: dict[str, Any]) -> None:
        """To a group."""
        self.sent.append((group, message))


def frame(room: str, seq: int, *to: str, stream: int = e.LIVE_STREAM, private: bool = False) -> FrameOut:
    key = b"K" if seq == 1 else None
    public = e.PublicFrame(
        room, stream, 1, seq, seq - 1, seq, 0, None if key else b"P", key, to, to if private else (), "l", "l!"
    )
    part = e.PrivateFrame(room, stream, 1, seq, (("spectators", 0, None if key else b"p", key),), {})
    return FrameOut(public, dict.fromkeys(to, part) if private else {})


def test_rooms_of_one_gateway_travel_together_and_those_of_several_by_their_groups():
    layer = Layer()
    dispatch = Dispatch(layer, {"a": "a!", "b": "b!"}.get)  # type: ignore[arg-type]  # all that it uses of a port
    for out in (frame("r1", 2, "a"), frame("r2", 2, "a"), frame("r3", 2, "a", "b", private=True), frame("r4", 2)):
        dispatch.add(out)
    dispatch.flush()
    assert [where for where, _ in layer.sent] == ["a!", "b!", "room.r3"]
    parcel = e.parcel_decoder.decode(layer.sent[0][1]["d"])
    assert [public.incarnation for public in parcel.public] == ["r1", "r2"]
    assert [private.incarnation for private in parcel.private] == ["r3"]
    dispatch.flush()
    assert len(layer.sent) == 3


def test_many_frames_of_one_stream_at_once_can_all_be_joined():
    # Their private parts came in one parcel before the first public part: the oldest, the KEY's among them, were dropped.
    for to in (("a",), ("a", "b")):
        layer, feed = Layer(), Feed("a", 10)
        dispatch = Dispatch(layer, {"a": "a!", "b": "b!"}.get)  # type: ignore[arg-type]
        for seq in range(1, PENDING_MAX * 2):
            dispatch.add(frame("r", seq, *to, stream=e.DELAYED_STREAM, private=True))
        dispatch.flush()
        for where, message in layer.sent:
            if where == "a!":
                parcel = e.parcel_decoder.decode(message["d"])
                for private in parcel.private:
                    feed.on_private(private)
                for public in parcel.public:
                    feed.on_public(public)
            elif where.startswith("room."):
                feed.on_public(e.public_decoder.decode(message["d"]))
        assert feed.ring.newest is not None and feed.ring.newest.seq == PENDING_MAX * 2 - 1
        assert feed.is_complete and not feed.is_lacking
        newcomer = feed.ring.slice((PUBLIC_SECTION, SPECTATORS_SECTION), (), None)
        assert newcomer is not None, "the KEY's private part was dropped, so nobody can begin"
