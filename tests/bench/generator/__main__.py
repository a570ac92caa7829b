"""`python -m tests.bench.generator PLAN.json RESULT.json`: one run of one plan; recordings go into the plan's folder."""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path

from tests.bench.generator.run import run


def fastest_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop's, where it is installed."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return asyncio.new_event_loop
    return new_event_loop


def main() -> None:
    """Reads the plan, runs it, writes the result."""
    plan = json.loads(Path(sys.argv[1]).read_text())
    with asyncio.Runner(loop_factory=fastest_loop()) as runner:
        result = runner.run(run(plan))
    Path(sys.argv[2]).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
