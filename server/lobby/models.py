"""The directory: one row per room that ever was. `lobby.directory` writes it; the epoch in it is the fence."""

from typing import ClassVar

from django.db import models

from game.codes import ROOM_CODE_MAX
from server.clock import wall_now


class RoomState(models.TextChoices):
    """Whether a room can still be joined."""

    OPEN = "open"
    ENDED = "ended"


class Room(models.Model):
    """One incarnation of a room. Its code may serve again once it has ended; its incarnation never does."""

    code = models.CharField(max_length=ROOM_CODE_MAX)
    incarnation = models.CharField(max_length=32, unique=True)
    room_type = models.CharField(max_length=64)
    seed = models.BigIntegerField()
    options = models.JSONField(default=dict)
    epoch = models.PositiveIntegerField(default=0)
    holder = models.CharField(max_length=64, blank=True, default="")
    holder_channel = models.CharField(max_length=120, blank=True, default="")
    state = models.CharField(max_length=8, choices=RoomState.choices, default=RoomState.OPEN)
    created = models.DateTimeField(default=wall_now)
    ended = models.DateTimeField(null=True, blank=True)
    players = models.PositiveIntegerField(default=0)
    bots = models.PositiveIntegerField(default=0)
    spectators = models.PositiveIntegerField(default=0)

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["code"], condition=models.Q(state="open"), name="one_open_room_per_code"),
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["state", "room_type"])]

    def __str__(self) -> str:
        return f"{self.room_type} {self.code} ({self.incarnation})"
