"""People's real work: tabs of a real Chromium, a bot and a spectator in one room, over real sockets, on both layers."""

from functools import partial
from typing import Any

import pytest
from playwright.async_api import Page

from tests.browser.site import LAYERS, Site, live, one_click, roster_has, start_site
from tests.support.browser import Chromium
from tests.support.processes import Processes
from tests.support.waiting import until

TOLERANCE_PX = 5.0
REST_TICKS = 40
NOTIFY = """
import sys
from server.django_setup import prepare
prepare()
from server.social.audience import User
from server.social.notices import notify
notify(User(sys.argv[1]), sys.argv[2])
"""


@pytest.fixture(params=LAYERS)
def site(request: pytest.FixtureRequest, processes: Processes) -> Site:
    return start_site(request.param, processes, lambda: request.getfixturevalue("redis_server"))


async def ship_at_rest(viewer: Page, owner: Page, seat: int) -> dict[str, Any]:
    """The owner's ship as the viewer draws it, once both tabs agree for REST_TICKS that it lies still somewhere.

    What is drawn lags behind what is held by the interpolation's tenth of a second, so two equal looks prove nothing.
    """
    since: dict[str, Any] = {}

    async def agreed() -> bool:
        there = await viewer.evaluate(
            """seat => {
                const ship = roomwright.entities('ships').find(s => s.seat === seat && s.is_alive);
                const drawn = roomwright.drawn().find(s => s.collection === 'ships' && s.seat === seat);
                if (!ship || !drawn) return null;
                return {x: ship.x, y: ship.y, tick: roomwright.tick, drawn: drawn.screen,
                        due: roomwright.worldToScreen(ship.x, ship.y)};
            }""",
            seat,
        )
        own = await owner.evaluate("seat => roomwright.entities('ships').find(s => s.seat === seat)", seat)
        if there is None or (there["x"], there["y"]) != (own["x"], own["y"]):
            since.clear()
            return False
        if (since.get("x"), since.get("y")) != (there["x"], there["y"]):
            since.update(there)
        since.update(drawn=there["drawn"], due=there["due"])
        return bool(there["tick"] - since["tick"] >= REST_TICKS)

    await until("the other tab's ship at rest", agreed, timeout_s=60)
    return since


async def test_two_tabs_a_bot_and_a_spectator_share_one_room(
    site: Site, chromium: Chromium, processes: Processes
) -> None:
    person = await chromium.context()
    one, two, watcher = [await chromium.page(context=person) for _ in range(3)]
    code = await one_click(one, site, "arena")
    assert await one_click(two, site, "arena") == code
    await watcher.goto(f"{site.url}/watch/arena/{code}")
    await live(watcher)
    processes.python("-m", "clients.python", "bots", "arena", "--n", "1", "--room", code, "--url", site.url)
    for page in (one, two, watcher):
        await roster_has(page, 3)

    rows = await watcher.evaluate("roomwright.entities('_seats').filter(seat => !seat.name.endsWith('(bot)'))")
    assert sorted(row["is_bot"] for row in rows) == [False, False, True]
    seats = [await page.evaluate("roomwright.seat") for page in (one, two)]
    assert len(set(seats)) == 2
    for viewer, owner, seat in ((one, two, seats[1]), (two, one, seats[0]), (watcher, one, seats[0])):
        seen = await ship_at_rest(viewer, owner, seat)
        off_px = max(abs(seen["drawn"][axis] - seen["due"][axis]) for axis in "xy")
        assert off_px <= TOLERANCE_PX, seen

    assert "ammo" in (await one.evaluate("roomwright.entities('ships').find(s => s.seat === roomwright.seat)"))
    assert not any("ammo" in ship for ship in await watcher.evaluate("roomwright.entities('ships')"))
    assert [("ammo" in s) for s in await two.evaluate("roomwright.entities('ships')") if s["seat"] == seats[0]] == [
        False
    ]
    for page in (one, two, watcher):
        counters = await page.evaluate("roomwright.counters")
        assert (counters["gaps"], counters["divergences"]) == (0, 0)


async def test_a_line_drawn_in_one_tab_is_where_it_should_be_in_the_other(site: Site, chromium: Chromium) -> None:
    one, two = await chromium.page(), await chromium.page()
    code = await one_click(one, site, "doodle")
    await two.goto(f"{site.url}/play/doodle/{code}")
    await live(two)
    await roster_has(one, 2)
    x, y = 700, 400
    await one.mouse.move(500, 300)
    await one.mouse.down()
    await one.mouse.move(x, y, steps=25)
    await one.mouse.up()
    seat = await one.evaluate("roomwright.seat")

    async def drawn_there() -> bool:
        cursors = [c for c in await two.evaluate("roomwright.drawn()") if c.get("seat") == seat]
        return any(max(abs(c["screen"]["x"] - x), abs(c["screen"]["y"] - y)) <= TOLERANCE_PX for c in cursors)

    await until("the other tab's cursor at the end of the line", drawn_there)
    await until("ink in the middle of the line", lambda: is_inked(two, 600, 350))


async def test_a_link_to_nowhere_shows_people_a_page(chromium: Chromium, processes: Processes) -> None:
    chromium.expect_console_error("404")
    site = start_site("memory", processes, lambda: pytest.fail("no Redis is needed"))
    page = await chromium.page()
    for path in ("/play/nonsense/ABCDE", "/no/such/path"):
        answer = await page.goto(f"{site.url}{path}")
        assert answer is not None
        assert answer.status == 404
        await page.get_by_role("link", name="To the lobby").click()
        await page.locator('[data-play="arena"]').wait_for()


async def is_inked(page: Page, x: int, y: int) -> bool:
    """Whether the canvas has more than one colour around a point of the page."""
    colours = await page.evaluate(
        """([x, y]) => {
            const canvas = document.querySelector('canvas'), box = canvas.getBoundingClientRect();
            const scale = canvas.width / box.width, side = 24;
            const at = canvas.getContext('2d').getImageData(
                (x - box.left - side / 2) * scale, (y - box.top - side / 2) * scale, side * scale, side * scale).data;
            const seen = new Set();
            for (let i = 0; i < at.length; i += 4) seen.add((at[i] >> 5 << 6) | (at[i + 1] >> 5 << 3) | (at[i + 2] >> 5));
            return seen.size;
        }""",
        [x, y],
    )
    return bool(colours > 1)


async def test_chat_has_one_order_and_a_spectator_s_input_is_refused_by_name(site: Site, chromium: Chromium) -> None:
    one, two, watcher = await chromium.page(), await chromium.page(), await chromium.page()
    code = await one_click(one, site, "arena")
    await two.goto(f"{site.url}/play/arena/{code}")
    await watcher.goto(f"{site.url}/watch/arena/{code}")
    sent: list[str] = []
    watcher.on("websocket", lambda socket: socket.on("framereceived", lambda data: sent.append(str(data))))
    await watcher.reload()
    for page in (two, watcher):
        await live(page)
    for number in range(3):
        await say(one, f"one {number}")
        await say(two, f"two {number}")
    await until("six lines at the spectator", lambda: has_lines(watcher, 6))
    orders = [await lines(page) for page in (one, two, watcher)]
    assert orders[0] == orders[1] == orders[2]
    assert [line for line in orders[0] if "one" in line] == [f"one {number}" for number in range(3)]

    await watcher.evaluate("roomwright.sendInput('Steer', {turn: 0, thrust: true, fire: true, boost: false})")

    async def refused() -> bool:
        return any('"refused"' in data and "not_accepted" in data for data in sent)

    await until("the spectator's input refused by name", refused)


async def say(page: Page, text: str) -> None:
    box = page.locator('[data-part="chat"] input')
    await box.fill(text)
    await box.press("Enter")
    await until(f"{text!r} in the own chat", lambda: has_text(page, text))


async def lines(page: Page) -> list[str]:
    texts: list[str] = await page.evaluate(
        "[...document.querySelectorAll('[data-part=chat] li[data-n]')].map(li => li.lastChild.textContent)"
    )
    return texts


async def has_text(page: Page, text: str) -> bool:
    return text in await lines(page)


async def has_lines(page: Page, count: int) -> bool:
    return len(await lines(page)) >= count


@pytest.mark.parametrize("site", ["redis"], indirect=True)
async def test_a_notice_to_a_guest_shows_once_in_each_of_two_tabs(
    site: Site, chromium: Chromium, processes: Processes
) -> None:
    person = await chromium.context()
    one, two, stranger = [await chromium.page(context=person) for _ in range(2)] + [await chromium.page()]
    for page in (one, two, stranger):
        await one_click(page, site, "doodle")
    guest = await one.evaluate(
        "fetch('/api/guest', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{}'}).then(r => r.json())"
    )
    text = "the server restarts at noon"
    sender = processes.python("-c", NOTIFY, guest["id"], text, env=site.env)
    for page in (one, two):
        await until("the notice in a tab", partial(shows, page, text, 1))
    assert sender.process.wait(timeout=30) == 0
    again = processes.python("-c", NOTIFY, guest["id"], "another one", env=site.env)
    await until("the next notice", lambda: shows(one, "another one", 1))
    assert again.process.wait(timeout=30) == 0
    assert await shows(one, text, 1)
    assert await shows(two, text, 1)
    assert await shows(stranger, text, 0)


async def shows(page: Page, text: str, times: int) -> bool:
    toasts: list[str] = await page.evaluate(
        "[...document.querySelectorAll('[data-part=toasts] > *')].map(toast => toast.textContent)"
    )
    return sum(text in toast for toast in toasts) == times


@pytest.mark.parametrize("site", ["redis"], indirect=True)
async def test_who_is_kicked_reads_why_and_is_not_let_in_again(
    site: Site, chromium: Chromium, processes: Processes
) -> None:
    page = await chromium.page()
    code = await one_click(page, site, "arena")
    seat = await page.evaluate("roomwright.seat")
    kick = processes.python("-m", "server", "kick", code, "--seat", str(seat), "--reason", "unkind words", env=site.env)
    assert kick.wait() == 0
    await until("the reason on the page", lambda: says(page, "You were removed from this room. (unkind words)"))
    assert await page.locator("[role=dialog] .actions > *").all_inner_texts() == ["To the lobby"]
    await page.reload()
    await until("the refusal", lambda: says(page, "You may not enter this room. (unkind words)"))


async def says(page: Page, sentence: str) -> bool:
    return sentence in await page.locator("body").inner_text()
