"""The documentation page of a service, used in a browser."""

from dataclasses import dataclass, field

from playwright.async_api import ConsoleMessage, Page, expect


@dataclass
class Witness:
    """What a page complains of on its console, and every address it asks for."""

    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, page: Page) -> "Witness":
        witness = cls()
        page.on("console", witness.note)
        page.on("pageerror", lambda error: witness.complaints.append(str(error)))
        page.on("request", lambda request: witness.asked.append(request.url))
        return witness

    def note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def require_quiet_and_at_home(self, origin: str) -> None:
        """Fail unless nothing was complained of and no other host was asked."""
        assert self.complaints == []
        assert [url for url in self.asked if not url.startswith((origin, "data:", "blob:"))] == []


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
