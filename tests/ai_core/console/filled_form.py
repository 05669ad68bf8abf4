"""What a browser would send of a form that it was shown."""

from html.parser import HTMLParser


class FilledForm(HTMLParser):
    """Reads the fields of a page with one form that edits."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, list[str]] = {}
        self._name = ""
        self._written: str | None = None
        self._options: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a field, or the beginning of one."""
        told = {name: value or "" for name, value in attrs}
        if tag == "input" and told.get("name"):
            if told.get("type") not in {"checkbox", "radio"} or "checked" in told:
                self.fields.setdefault(told["name"], []).append(told.get("value", ""))
        elif tag in {"textarea", "select"}:
            self._name, self._options = told.get("name", ""), []
            self._written = "" if tag == "textarea" else None
        elif tag == "option" and self._name:
            self._options.append((told.get("value", ""), "selected" in told))
            self._written = "" if "value" not in told else None

    def handle_data(self, data: str) -> None:
        """Take what is written in a field."""
        if self._written is not None:
            self._written += data

    def handle_endtag(self, tag: str) -> None:
        """Take a field that is whole."""
        if tag == "option" and self._options and self._written is not None:
            self._options[-1] = (self._written, self._options[-1][1])
            self._written = None
        elif tag == "textarea":
            self.fields.setdefault(self._name, []).append((self._written or "").removeprefix("\n"))
            self._name, self._written = "", None
        elif tag == "select":
            chosen = [value for value, selected in self._options if selected]
            chosen = chosen or [value for value, _ in self._options][:1]
            self.fields.setdefault(self._name, []).extend(chosen)
            self._name = ""


def filled_fields(page: str) -> dict[str, list[str]]:
    """Return the fields of the form of a page as they are filled in."""
    form = FilledForm()
    form.feed(page.partition("<main")[2])
    return {name: values for name, values in form.fields.items() if name != "csrf_token"}
