"""Arena: thrust ships, shots, pickups and a shrinking ring. The room type names ``game.arena:Arena``; rules only, no I/O."""

from game.arena.rules import Arena

__all__ = ["Arena"]
