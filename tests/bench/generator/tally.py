"""What the clients of one run count together, while the window is open. Says nothing about what the figures mean."""

from array import array

from attrs import define, field


@define
class Tally:
    """Times in seconds. ``updates``: frames of state that took a client further; bytes count every message of state."""

    is_open: bool = False
    updates: int = 0
    payload_bytes: int = 0
    wire_bytes: int = 0
    inputs_sent: int = 0
    inputs_answered: int = 0
    inputs_refused: int = 0
    protocol_gaps: int = 0
    resyncs: int = 0
    gaps_s: "array[float]" = field(factory=lambda: array("d"))
    rtts_s: "array[float]" = field(factory=lambda: array("d"))
    closes: dict[str, int] = field(factory=dict)
    faults: dict[str, int] = field(factory=dict)

    def closed(self, why: str) -> None:
        """A socket closed that nobody wanted closed."""
        self.closes[why] = self.closes.get(why, 0) + 1

    def fault(self, what: str) -> None:
        """Something that no client should see."""
        self.faults[what] = self.faults.get(what, 0) + 1
