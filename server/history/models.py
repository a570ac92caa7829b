"""Matches, results, replays, and the outbox through which they come."""

from typing import ClassVar

from django.db import models

from server.clock import wall_now


class Match(models.Model):
    """One match that was played to its end. `rules_hash` and `rules_version` say by which rules it can be replayed."""

    incarnation = models.CharField(max_length=32, unique=True)
    room_type = models.CharField(max_length=64)
    game = models.CharField(max_length=200)
    rules_version = models.CharField(max_length=64)
    rules_hash = models.CharField(max_length=128, blank=True)
    seed = models.BigIntegerField()
    players = models.JSONField(default=list)
    epoch = models.PositiveIntegerField()
    started = models.DateTimeField()
    ended = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        verbose_name_plural = "matches"

    def __str__(self) -> str:
        return f"{self.room_type} {self.incarnation}"


class Result(models.Model):
    """Who won, once per match. `epoch` is the holder's term that wrote it, `final_hash` the world's at the last tick."""

    match = models.OneToOneField(Match, on_delete=models.CASCADE, primary_key=True)
    epoch = models.PositiveIntegerField()
    winners = models.JSONField(default=list)
    scores = models.JSONField(default=dict)
    final_hash = models.CharField(max_length=128)
    written = models.DateTimeField(default=wall_now)

    def __str__(self) -> str:
        return f"result of {self.match_id}"


class Replay(models.Model):
    """The archived replay of a match."""

    match = models.OneToOneField(Match, on_delete=models.CASCADE, primary_key=True)
    format = models.CharField(max_length=32)
    size_bytes = models.PositiveIntegerField()
    blob = models.BinaryField()

    def __str__(self) -> str:
        return f"replay of {self.match_id} ({self.size_bytes} bytes)"


class Outbox(models.Model):
    """Work that was promised when something was decided. `done` is null until a worker has done it.

    `outcome` tells what became of it: "written", "repeated" (it was there, and the same) or "conflict" (it was there
    with another final hash, or a newer epoch: an alarm). `attempts` counts failures; at the limit a row is left for people.
    """

    uuid = models.UUIDField(unique=True)
    topic = models.CharField(max_length=32)
    payload = models.JSONField()
    blob = models.BinaryField(null=True, blank=True)
    created = models.DateTimeField(default=wall_now)
    done = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=16, blank=True, default="")
    attempts = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]
        verbose_name_plural = "outbox"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["id"], condition=models.Q(done__isnull=True), name="outbox_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.uuid}"
