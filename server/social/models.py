"""Notices and who has acknowledged them."""

from typing import ClassVar

from django.db import models

from server.clock import wall_now

TEXT_LENGTH_MAX = 500


class Notice(models.Model):
    """One line of text to an audience; its id is what clients acknowledge and tell duplicates by."""

    class Audience(models.TextChoices):
        """The kinds of `social.audience`."""

        USER = "user", "one user"
        ROOM = "room", "one room"
        EVERYBODY = "everybody", "everybody"

    audience_kind = models.CharField(max_length=10, choices=Audience.choices)
    audience_id = models.CharField(max_length=64, blank=True, default="")
    text = models.CharField(max_length=TEXT_LENGTH_MAX)
    created = models.DateTimeField(default=wall_now)
    expires = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["audience_kind", "audience_id", "expires"])]

    def __str__(self) -> str:
        return f"{self.audience_kind} {self.audience_id}: {self.text[:40]}"


class NoticeReceipt(models.Model):
    """A user has seen a notice."""

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="receipts")
    user_id = models.CharField(max_length=64)
    acknowledged = models.DateTimeField(default=wall_now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["notice", "user_id"], name="one_receipt_per_user"),
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["user_id"])]

    def __str__(self) -> str:
        return f"{self.user_id} saw {self.notice_id}"
