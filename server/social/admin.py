"""Notices in the admin. Adding one sends it."""

from datetime import timedelta
from typing import Any

from asgiref.sync import async_to_sync
from django import forms
from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest

from server.clock import wall_now
from server.social.audience import audience_of
from server.social.models import Notice, NoticeReceipt
from server.social.notices import LIFETIME_S, BadNoticeError, Sent, clean_text, deliver
from server.web.admin import AddedAdmin, RowForm, WrittenAdmin


class NoticeForm(RowForm):
    """The audience must be one that exists in form, the text one that `notify` would take."""

    class Meta:
        model = Notice
        fields = ("audience_kind", "audience_id", "text", "expires")

    def clean_text(self) -> str:
        """One line without control characters."""
        try:
            return clean_text(self.cleaned_data["text"])
        except BadNoticeError as error:
            raise forms.ValidationError(str(error)) from error

    def clean(self) -> dict[str, Any]:
        """Kind and id must go together."""
        found = super().clean() or {}
        try:
            audience_of(found.get("audience_kind", ""), found.get("audience_id", ""))
        except ValueError:
            raise forms.ValidationError(
                "expected user with an id (g… or u…), room with an incarnation, or everybody with no id"
            ) from None
        return found


@admin.register(Notice)
class NoticeAdmin(AddedAdmin):
    """Add = write and send. A sent notice is not edited: somebody may have read it."""

    form = NoticeForm
    list_display = ("id", "audience_kind", "audience_id", "text", "created", "expires")
    list_filter = ("audience_kind",)
    search_fields = ("audience_id", "text")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A week, unless somebody says otherwise."""
        return {"expires": wall_now() + timedelta(seconds=LIFETIME_S), **super().get_changeform_initial_data(request)}

    def save_model(self, request: HttpRequest, obj: Notice, form: Any, change: bool) -> None:
        """Write the row, then send it once the admin's transaction has committed."""
        super().save_model(request, obj, form, change)
        sent = Sent(obj.pk, obj.audience_kind, obj.audience_id, obj.text, obj.created)
        audience = audience_of(obj.audience_kind, obj.audience_id)
        transaction.on_commit(lambda: async_to_sync(deliver)(audience, sent))


@admin.register(NoticeReceipt)
class NoticeReceiptAdmin(WrittenAdmin):
    """Who has seen what."""

    list_display = ("notice", "user_id", "acknowledged")
    search_fields = ("user_id",)
