"""Incident records: what is kept of a room that its own rules ended, one folder each under `var/incidents/`.

The replay in it runs the room again up to the tick that failed. The oldest go when there are more than 100.
"""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Protocol

import structlog
from django.conf import settings

from server.clock import wall_now

log = structlog.get_logger()

KEPT_MAX = 100


class Incident(Protocol):
    """What a holder hands over."""

    @property
    def incarnation(self) -> str: ...
    @property
    def room_type(self) -> str: ...
    @property
    def tick(self) -> int: ...
    @property
    def error(self) -> str: ...
    @property
    def replay(self) -> bytes: ...


async def keep_incident(incident: Incident) -> None:
    """Writes the record; one that cannot be written is logged, never raised."""
    try:
        await asyncio.to_thread(_write, incident, Path(settings.VAR_DIR) / "incidents")
    except OSError:
        log.exception("incident.not_kept", incarnation=incident.incarnation)


def _write(incident: Incident, folder: Path) -> None:
    place = folder / incident.incarnation
    place.mkdir(parents=True, exist_ok=True)
    about = {
        "incarnation": incident.incarnation,
        "room_type": incident.room_type,
        "tick": incident.tick,
        "error": incident.error,
        "at": wall_now().isoformat(),
    }
    (place / "incident.json").write_text(json.dumps(about, indent=2) + "\n")
    (place / "replay.bin").write_bytes(incident.replay)
    kept = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)
    for old in kept[:-KEPT_MAX]:
        shutil.rmtree(old, ignore_errors=True)
