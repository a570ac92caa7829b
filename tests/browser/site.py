"""A running Roomwright for browser tests: one process on the in-memory layer, or gateway, loop and worker over Redis."""

from collections.abc import Callable
from contextlib import suppress

from attrs import frozen
from playwright.async_api import Error as PageError
from playwright.async_api import Page

from tests.support.processes import Processes
from tests.support.redis import RedisServer
from tests.support.waiting import until

LAYERS = ("memory", "redis")


@frozen
class Site:
    """``env`` reaches its database and layer from another process."""

    url: str
    env: dict[str, str]


def start_site(layer: str, processes: Processes, redis: Callable[[], RedisServer]) -> Site:
    """Starts it; gone when the `processes` fixture is."""
    if layer == "memory":
        running = processes.server("run")
        return Site(running.url, {})
    env = {
        "ROOMWRIGHT_LAYER": redis().url,
        "ROOMWRIGHT_VAR": str(processes.folder / "var"),
        "DATABASE_URL": f"sqlite:///{processes.folder / 'test.sqlite3'}",
        "ROOMWRIGHT_SECRET": "a secret that all processes of a test share",
    }
    processes.python("-m", "server", "loop", env=env).wait_for_line("loop.started")
    gateway = processes.server("gateway", env=env)  # well once it has heard the loop
    processes.python("-m", "server", "worker", env=env)
    return Site(gateway.url, env)


async def one_click(page: Page, site: Site, game: str) -> str:
    """From the lobby into a room by one click; returns the room's code once frames arrive."""
    await page.goto(site.url)
    await page.locator(f'[data-play="{game}"]').click()
    await live(page)
    return page.url.rpartition("/")[2]


async def live(page: Page) -> None:
    """Until the page holds a state."""

    async def is_live() -> bool:
        # A click navigates: the page asked may be the one before, or none yet.
        with suppress(PageError):
            return bool(await page.evaluate("window.roomwright?.state === 'live'"))
        return False

    await until(f"{page.url} to be live", is_live, timeout_s=60)


async def roster_has(page: Page, people: int) -> None:
    """Until the page's roster has so many who came over a socket: the server's own bots are named so."""
    counting = "window.roomwright.entities('_seats').filter(seat => !seat.name.endsWith('(bot)')).length"

    async def there() -> bool:
        return bool(await page.evaluate(counting) >= people)

    await until(f"{people} people in the roster", there, timeout_s=60)
