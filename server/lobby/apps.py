"""Names this app to Django."""

from django.apps import AppConfig


class LobbyConfig(AppConfig):
    """The app `lobby`."""

    name = "server.lobby"
    label = "lobby"
