"""The admin's action "send a notice": a form for the text, then one notice to each selected row's audience."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from server.social.audience import Audience
from server.social.models import TEXT_LENGTH_MAX
from server.social.notices import BadNoticeError, clean_text, notify


class NoticeText(forms.Form):
    """The text, held to the same rule as `notify`'s."""

    text = forms.CharField(max_length=TEXT_LENGTH_MAX, widget=forms.Textarea(attrs={"rows": 3}))

    def clean_text(self) -> str:
        """One line without control characters."""
        try:
            return clean_text(self.cleaned_data["text"])
        except BadNoticeError as error:
            raise forms.ValidationError(str(error)) from error


class NoticeAction:
    """Mixed into a ModelAdmin whose rows stand for an audience."""

    def notice_audience(self, row: Any) -> Audience:
        """Whom a notice about this row goes to."""
        raise NotImplementedError

    @admin.action(description="Send a notice")
    def send_notice(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        """Ask for the text, then send."""
        form = NoticeText(request.POST if "send" in request.POST else None)
        if not form.is_valid():
            context = {**admin.site.each_context(request), "title": "Send a notice", "form": form, "rows": rows}
            return render(request, "social/send_notice.html", context)
        for row in rows:
            notify(self.notice_audience(row), form.cleaned_data["text"])
        messages.info(request, f"{len(rows)} notices sent")
        return None
