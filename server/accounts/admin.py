"""Django's users in the admin, with one action more: send a notice to all of a user's connections."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User as Account

from server.social.admin_action import NoticeAction
from server.social.audience import User as UserAudience

if TYPE_CHECKING:  # generic in its stubs only
    DjangosAdmin = UserAdmin[Account]
else:
    DjangosAdmin = UserAdmin

admin.site.unregister(Account)


@admin.register(Account)
class AccountAdmin(NoticeAction, DjangosAdmin):
    """As Django has it, plus `send_notice`."""

    actions = ("send_notice",)

    def notice_audience(self, row: Account) -> UserAudience:
        """The account's identity, `u<pk>`."""
        return UserAudience(f"u{row.pk}")
