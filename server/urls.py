"""Every HTTP path of the server; sockets are routed by routing.yaml."""

from django.contrib import admin
from django.urls import path

from server.accounts import views as accounts
from server.lobby import moderation
from server.lobby import views as lobby
from server.ops import metrics

urlpatterns = [
    path("", lobby.lobby_page),
    path("favicon.ico", lobby.favicon),
    path("play/<slug:room_type>/<slug:code>", lobby.play_page),
    path("watch/<slug:room_type>/<slug:code>", lobby.watch_page),
    path("api/guest", accounts.guest),
    path("api/rooms", lobby.rooms),
    path("api/rooms/quick", lobby.quick),
    path("api/rooms/kick", moderation.kick),
    path("healthz", lobby.healthz),
    path("metrics", metrics.page),
    path("admin/login/", accounts.login),
    path("admin/", admin.site.urls),
]

handler404 = lobby.not_found
handler500 = lobby.failed
