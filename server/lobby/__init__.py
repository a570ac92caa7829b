"""The directory of rooms, the live room table, and the pages and HTTP calls of the lobby."""
