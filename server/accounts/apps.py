"""Names this app to Django."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """The app `accounts`."""

    name = "server.accounts"
    label = "accounts"

    def ready(self) -> None:
        """Changes of accounts are told to the gateways from here on."""
        from server.accounts.standing import listen

        listen()
