"""Notices: a line of text to one user, to a room or to everybody."""
