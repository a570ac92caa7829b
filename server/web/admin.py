"""What the apps' admins share: rows that are shown and never edited, and Django's generic bases under mypy.

Django's own admin and form classes take type parameters only in their stubs, hence the two branches.
"""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

if TYPE_CHECKING:
    RowAdmin = admin.ModelAdmin[Any]
    RowForm = forms.ModelForm[Any]
else:
    RowAdmin = admin.ModelAdmin
    RowForm = forms.ModelForm


class AddedAdmin(RowAdmin):
    """Rows that people may add, and that nobody edits afterwards."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Shown, never edited."""
        return False


class WrittenAdmin(AddedAdmin):
    """Rows that only the server writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Written by the server."""
        return False
