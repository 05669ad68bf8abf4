"""The documentation page of a service, used in a browser."""

from dataclasses import dataclass, field

from playwright.async_api import ConsoleMessage, Page, expect

PATIENCE_MS = 60_000
"""A busy machine draws the page in seconds; one that never does fails all the same."""
expect.set_options(timeout=PATIENCE_MS)


@dataclass
class PageLog:
    """The errors and warnings on a page's console, and the URLs it requests."""

    console_errors: list[str] = field(default_factory=list)
    requested_urls: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, page: Page) -> "PageLog":
        page_log = cls()
        page.on("console", page_log.record_message)
        page.on("pageerror", lambda error: page_log.console_errors.append(str(error)))
        page.on("request", lambda request: page_log.requested_urls.append(request.url))
        return page_log

    def record_message(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.console_errors.append(message.text)

    def assert_clean(self, origin: str) -> None:
        """Fail on a console error or warning, and on a request to another host."""
        assert self.console_errors == []
        assert [
            url for url in self.requested_urls if not url.startswith((origin, "data:", "blob:"))
        ] == []


async def execute(page: Page, summary: str) -> str:
    """Open the operation with that summary, execute it, and return the status shown."""
    operation = page.locator(".opblock", has_text=summary)
    await operation.get_by_text(summary).click()
    await operation.get_by_role("button", name="Try it out").click()
    await operation.get_by_role("button", name="Execute").click()
    status = operation.locator(".live-responses-table tbody .response-col_status")
    await expect(status).to_have_text("200")
    return str(
        await operation.locator(".live-responses-table .response-col_description")
        .nth(1)
        .inner_text()
    )
