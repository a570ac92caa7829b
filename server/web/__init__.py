"""The manners of our HTTP side, used by every app: JSON calls, limits, origins, headers, static files."""
