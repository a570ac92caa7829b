"""Puts the frames of one moment into as few layer messages as possible. No I/O of its own: ports queue. The holder owns it.

A room whose connections are all at one gateway needs no group: its frames travel whole in that gateway's parcel, with
those of every other such room. Rooms of several gateways go to their group, so that each frame is sent once, and only
their private parts are in the parcels. A frame that nobody is there to see is not sent.
"""

from collections.abc import Callable

from attrs import define, field

from server.relay import envelope as e
from server.relay.port import Port
from server.rooms.outgoing import FrameOut

PARCEL_BYTES_MAX = 256 * 1024


@define
class _Packing:
    """One gateway's parcel in the making."""

    private: list[e.PrivateFrame] = field(factory=list)
    public: list[e.PublicFrame] = field(factory=list)
    size: int = 0


@define(eq=False)
class Dispatch:
    """``channel_of`` names a gateway's channel for frames; None where it is not known, and then it gets none."""

    frames: Port
    channel_of: Callable[[str], str | None]
    _parcels: dict[str, _Packing] = field(factory=dict)
    _public: list[e.PublicFrame] = field(factory=list)
    _streams: set[tuple[str, int]] = field(factory=set)

    def add(self, out: FrameOut) -> None:
        """A frame to send with the next `flush`.

        A second one of the same stream sends the first before: a gateway keeps few private parts whose public part is not
        there yet, and the delayed stream repeats dozens of frames at once.
        """
        stream = out.public.incarnation, out.public.stream
        if stream in self._streams:
            self.flush()
        self._streams.add(stream)
        for gateway, private in out.private.items():
            size = sum(len(patch or b"") + len(key or b"") for _, _, patch, key in private.sections)
            self._parcel(gateway, size).private.append(private)
        to = out.public.to
        if len(to) == 1:
            size = len(out.public.patch or b"") + len(out.public.key or b"")
            self._parcel(to[0], size).public.append(out.public)
        elif to:
            self._public.append(out.public)

    def flush(self) -> None:
        """Private parts first: the public parts then complete their frames at once."""
        for gateway in list(self._parcels):
            self._send(gateway)
        for public in self._public:
            self.frames.group_send(e.room_group(public.incarnation, public.stream), e.layer_message(e.FRAME, public))
        self._public.clear()
        self._streams.clear()

    def _parcel(self, gateway: str, size: int) -> _Packing:
        found = self._parcels.get(gateway)
        if found is not None and found.size + size > PARCEL_BYTES_MAX:
            self._send(gateway)
            found = None
        if found is None:
            found = self._parcels[gateway] = _Packing()
        found.size += size
        return found

    def _send(self, gateway: str) -> None:
        found, channel = self._parcels.pop(gateway), self.channel_of(gateway)
        if channel is not None:
            self.frames.send(channel, e.layer_message(e.PRIVATE, e.Parcel(found.private, found.public)))
