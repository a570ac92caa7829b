"""The names of a room's layer groups, and whether Channels takes them. The rule is Channels' own, not a copy."""

from channels.layers import BaseChannelLayer

INCARNATION_LENGTH = 32
NAME_LENGTH_MAX = BaseChannelLayer.MAX_NAME_LENGTH - 1


def longest_group(room_type: str, prefix: str) -> str:
    """The longest group name that a room of this type may fill: its type's name, an incarnation, a suffix."""
    return f"{prefix}.room.{room_type}-{'0' * INCARNATION_LENGTH}.delayed"


def has_group_characters(text: str) -> bool:
    """Whether Channels takes every character of `text` in a group's name. True for an empty text."""
    return not text or BaseChannelLayer.group_name_regex.fullmatch(text) is not None
