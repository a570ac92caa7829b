"""Matches, their results and replays, written exactly once by the background worker."""
