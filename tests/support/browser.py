"""A real, headless Chromium for one test, strict about what pages do.

Any console error, uncaught exception, or request that leaves this machine fails the test, unless the test announced
it with `expect_console_error`. `launched_chromium` is behind the `chromium` fixture; pages use Playwright's async API.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from attrs import define, field
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Error, Page, async_playwright

from tests.support.programs import CHROMIUM_NAMES, find_program

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
LOCAL_HOSTS = {"127.0.0.1", "localhost", "::1"}
NETWORK_SCHEMES = {"http", "https", "ws", "wss"}


def is_external(url: str) -> bool:
    """Whether fetching `url` would leave this machine."""
    parts = urlsplit(url)
    return parts.scheme in NETWORK_SCHEMES and parts.hostname not in LOCAL_HOSTS


@define(slots=False)  # Playwright hangs marks on the owner of a handler
class Chromium:
    """One browser. A context is one person (cookies, storage); pages of a context are that person's tabs."""

    browser: Browser
    problems: list[str] = field(factory=list)
    _expected: list[re.Pattern[str]] = field(factory=list)

    async def context(self, *, width_px: int = 1280, height_px: int = 720) -> BrowserContext:
        """A new person, with no cookies."""
        context = await self.browser.new_context(viewport={"width": width_px, "height": height_px})
        context.on("page", self._watch)
        return context

    async def page(self, url: str = "", *, context: BrowserContext | None = None) -> Page:
        """A new tab, of a new person unless `context` says whose, opened at `url` if there is one."""
        page = await (context or await self.context()).new_page()
        if url:
            await page.goto(url)
        return page

    def expect_console_error(self, pattern: str) -> None:
        """Console errors that match the regular expression are part of this test (a server it kills, say)."""
        self._expected.append(re.compile(pattern))

    def _watch(self, page: Page) -> None:
        page.on("console", self._on_console)
        page.on("pageerror", self._on_exception)
        page.on("request", lambda request: self._on_address(request.url))
        page.on("websocket", lambda websocket: self._on_address(websocket.url))

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._record(f"console error: {message.text} ({message.location.get('url', '')})")

    def _on_exception(self, error: Error) -> None:
        self._record(f"uncaught exception: {error}")

    def _on_address(self, url: str) -> None:
        if is_external(url):
            self.problems.append(f"external request: {url}")

    def _record(self, problem: str) -> None:
        if not any(expected.search(problem) for expected in self._expected):
            self.problems.append(problem)


@asynccontextmanager
async def launched_chromium() -> AsyncIterator[Chromium]:
    """Start a browser, and on the way out fail if its pages did what they should not."""
    executable = find_program(*CHROMIUM_NAMES)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=FLAGS)
        chromium = Chromium(browser)
        try:
            yield chromium
        finally:
            await browser.close()
    assert not chromium.problems, "the pages did what they should not:\n  " + "\n  ".join(chromium.problems)
