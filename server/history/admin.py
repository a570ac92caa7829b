"""Matches, results, replays and the outbox in the admin: to look at; a failed outbox row can be tried again."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from server.history.models import Match, Outbox, Replay, Result
from server.web.admin import WrittenAdmin


@admin.register(Match)
class MatchAdmin(WrittenAdmin):
    """What was played."""

    list_display = ("incarnation", "room_type", "game", "rules_version", "started", "ended")
    list_filter = ("room_type",)
    search_fields = ("incarnation",)


@admin.register(Result)
class ResultAdmin(WrittenAdmin):
    """Who won."""

    list_display = ("match", "winners", "final_hash", "written")
    search_fields = ("match__incarnation",)


@admin.register(Replay)
class ReplayAdmin(WrittenAdmin):
    """How large, in what format; the bytes themselves are not shown."""

    list_display = ("match", "format", "size_bytes")
    exclude = ("blob",)


@admin.register(Outbox)
class OutboxAdmin(WrittenAdmin):
    """What waits, what failed and why."""

    list_display = ("uuid", "topic", "created", "done", "outcome", "attempts", "error")
    list_filter = ("topic", "outcome", ("done", admin.EmptyFieldListFilter))
    exclude = ("blob",)
    actions = ("try_again",)

    @admin.action(description="Try the selected rows again")
    def try_again(self, _request: HttpRequest, rows: QuerySet[Outbox]) -> None:
        """Forget the failures of rows that are not done."""
        rows.filter(done__isnull=True).update(attempts=0, error="")
