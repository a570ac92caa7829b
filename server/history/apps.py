"""Names this app to Django."""

from django.apps import AppConfig


class HistoryConfig(AppConfig):
    """The app `history`."""

    name = "server.history"
    label = "history"
