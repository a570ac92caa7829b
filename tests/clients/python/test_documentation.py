"""The example in docs/clients/python.md runs as it stands."""

import re
from pathlib import Path
from typing import Any

from game.doodle import Doodle
from tests.clients.python.loopback import loopback

PAGE = Path(__file__).parents[3] / "docs" / "clients" / "python.md"


async def test_the_bot_in_15_lines(capsys):
    example = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(example, str(PAGE), "exec"), names)  # noqa: S102 - the page's own code, as a reader would run it
    async with loopback(Doodle(), "doodle") as server:
        await names["main"](server.url)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 4
    assert all(line.endswith("applied") for line in lines)
