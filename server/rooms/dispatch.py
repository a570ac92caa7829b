"""Puts the frames of one moment into as few layer messages as possible. No I/O of its own: ports queue. The holder owns it.

A room whose connections are all at one gateway needs no group: its frames travel whole in that gateway's parcel, with
those of every other such room. Rooms of several gateways go to their group, so that each frame is sent once, and only
their private parts are in the parcels. A frame that nobody is there to see is not sent.
"""

from collections.abc import Callable
from typing import Any

from attrs import define, field

from server.relay import envelope as e
from server.relay.port import Port
from server.rooms.outgoing import FrameOut

PARCEL_BYTES_MAX = 256 * 1024


def _as_ever(_incarnation: str, error: Exception) -> None:
    raise error


@define
class _Packing:
    """One gateway's parcel in the making."""

    private: list[e.PrivateFrame] = field(factory=list)
    public: list[e.PublicFrame] = field(factory=list)
    size: int = 0


@define(eq=False)
class Dispatch:
    """``channel_of`` names a gateway's channel for frames; None where it is not known, and then it gets none.

    ``on_fault`` hears of a room whose frame cannot be packed; what travels with it goes out without it.
    """

    frames: Port
    channel_of: Callable[[str], str | None]
    on_fault: Callable[[str, Exception], None] = _as_ever
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
        public_frames, self._public = self._public, []
        self._streams.clear()
        for public in public_frames:
            try:
                message = e.layer_message(e.FRAME, public)
                self.frames.group_send(e.room_group(public.incarnation, public.stream), message)
            except Exception as error:  # noqa: BLE001 - the owner's to tell
                self.on_fault(public.incarnation, error)

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
        if channel is None:
            return
        try:
            message = e.layer_message(e.PRIVATE, e.Parcel(found.private, found.public))
        except Exception as error:  # noqa: BLE001 - the owner's to tell
            message = self._without_bad(found, error)
        self.frames.send(channel, message)

    def _without_bad(self, found: _Packing, error: Exception) -> dict[str, Any]:
        frames: list[e.PrivateFrame | e.PublicFrame] = [*found.private, *found.public]
        bad = {frame.incarnation for frame in frames if e.is_unpackable(frame)}
        for incarnation in sorted(bad):
            self.on_fault(incarnation, error)
        private = [frame for frame in found.private if frame.incarnation not in bad]
        public = [frame for frame in found.public if frame.incarnation not in bad]
        return e.layer_message(e.PRIVATE, e.Parcel(private, public))
