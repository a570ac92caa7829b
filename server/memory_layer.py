"""The adapter for Channels' in-memory layer: the same, without looking through every group for each message.

`server.layers` gives it an expiry beyond any process's life, so there is never anything to find; with a group per connected
user that search cost more than carrying the message.
"""

from channels.layers import InMemoryChannelLayer


class MemoryLayer(InMemoryChannelLayer):  # type: ignore[misc]  # channels ships no types
    """Nothing expires; capacities bound it, as ever."""

    def _clean_expired(self) -> None:
        """Nothing is ever old enough."""
