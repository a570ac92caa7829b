"""Names this app to Django."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """The app `accounts`."""

    name = "server.accounts"
    label = "accounts"
