"""Names this app to Django."""

from django.apps import AppConfig


class SocialConfig(AppConfig):
    """The app `social`."""

    name = "server.social"
    label = "social"
