"""Places where a test may kill this very process: `ROOMWRIGHT_FAILPOINT=worker:3` with `ROOMWRIGHT_DEBUG_FAILPOINTS=1`.

Without the second variable the first does nothing, so that a stray one cannot hurt a deployment. Called by the worker.
"""

import os
import signal


def reach(place: str, number: int) -> None:
    """SIGKILL this process if it was told to die at `place:number`; otherwise nothing."""
    if os.environ.get("ROOMWRIGHT_DEBUG_FAILPOINTS") != "1":
        return
    if os.environ.get("ROOMWRIGHT_FAILPOINT") == f"{place}:{number}":
        os.kill(os.getpid(), signal.SIGKILL)
