"""Rooms in the admin: to look at, to end, and to send a notice to."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from server.lobby import directory
from server.lobby.models import Room
from server.social.admin_action import NoticeAction
from server.social.audience import Room as RoomAudience
from server.web.admin import WrittenAdmin


@admin.register(Room)
class RoomAdmin(NoticeAction, WrittenAdmin):
    """Rows belong to the loops: nothing is edited by hand."""

    list_display = ("code", "room_type", "state", "epoch", "holder", "players", "bots", "spectators", "created")
    list_filter = ("state", "room_type")
    search_fields = ("code", "incarnation")
    actions = ("send_notice", "end_rooms")

    def notice_audience(self, row: Room) -> RoomAudience:
        """Everybody in the room."""
        return RoomAudience(row.incarnation)

    @admin.action(description="End the selected rooms in the directory")
    def end_rooms(self, request: HttpRequest, rows: QuerySet[Room]) -> None:
        """Close each under its present epoch; a loop that still holds it finds its claim gone."""
        ended = sum(directory.close(row.incarnation, row.epoch) for row in rows)
        messages.info(request, f"{ended} rooms ended")
