"""The admin's list of rooms tells who is in them."""

import asyncio
import re
import urllib.request

from tests.flow.fleet import Fleet
from tests.flow.test_kicks import LOGIN

SUPERUSER = LOGIN.replace('username="warden", is_staff=True', 'username="boss", is_staff=True, is_superuser=True')


async def test_the_admin_shows_who_is_in_a_room(fleet: Fleet):
    found = await fleet.script(SUPERUSER).line(r"^session (\S+)")
    code = fleet.code()
    for gateway in range(2):
        await (await fleet.player(f"/ws/lab/{code}", gateway=gateway)).joined()
    await (await fleet.player(f"/ws/lab/{code}/watch")).joined()
    shown: list[str] = []
    for _ in range(200):
        shown = await counts_of(fleet, f"sessionid={found[1]}", code)
        if shown == ["2", "0", "1"]:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"expected 2 players, no bot and 1 spectator in {code}, got {shown}")


async def counts_of(fleet: Fleet, cookie: str, code: str) -> list[str]:
    """The three numbers in the room's row of the admin's page."""

    def fetch() -> str:
        url = f"{fleet.gateways[0].url}/admin/lobby/room/?q={code}"
        request = urllib.request.Request(url, headers={"Cookie": cookie})  # noqa: S310 - our own server
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=20.0) as answer:
            page: str = answer.read().decode()
            return page

    page = await asyncio.to_thread(fetch)
    (row,) = [row for row in re.findall(r"<tr>.*?</tr>", page, re.DOTALL) if f">{code}</a>" in row]
    return [re.findall(rf'class="field-{name}">(\d+)<', row)[0] for name in ("players", "bots", "spectators")]
