"""The server: routing, sockets, relay, rooms, and the Django apps that people need."""
