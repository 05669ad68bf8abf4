"""Refusals of the Messaging API, in LINE's own wording ("Error responses" of its reference)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Fault:
    """One fault of a request's body: where, and what is wrong."""

    where: str
    what: str


class LineError(Exception):
    """An error as LINE returns it."""

    def __init__(
        self,
        status: int,
        message: str,
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
        **more: object,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.faults = tuple(faults)
        self.headers = dict(headers or {})
        self.more = more

    @property
    def body(self) -> dict[str, object]:
        """Return the JSON body."""
        details = [{"message": fault.what, "property": fault.where} for fault in self.faults]
        return {"message": self.message, **({"details": details} if details else {}), **self.more}


@dataclass
class Faults:
    """Collects the faults of one body."""

    found: list[Fault] = field(default_factory=list)

    def add(self, where: str, what: str) -> None:
        """Note a fault."""
        self.found.append(Fault(where, what))

    def refuse_if_any(self) -> None:
        """Raise LineError when there is one."""
        if self.found:
            count = len(self.found)
            raise LineError(400, f"The request body has {count} error(s)", self.found)
