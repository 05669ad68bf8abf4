"""The Cloud API's errors (support/error-codes of its documentation): code, HTTP status, words."""

from typing import Any

JsonObject = dict[str, Any]


class GraphError(Exception):
    """An error as the Graph API returns it; `details` says what is wrong with the parameters."""

    def __init__(self, code: int, details: str = "") -> None:
        super().__init__(f"{code} {details}")
        self.code = code
        self.details = details

    @property
    def status(self) -> int:
        """Return the HTTP status of the response."""
        return ERRORS[self.code][0]

    @property
    def body(self) -> JsonObject:
        """Return the body of the response."""
        title = ERRORS[self.code][1]
        error: JsonObject = {
            "message": f"(#{self.code}) {title}",
            "type": "OAuthException",
            "code": self.code,
            "fbtrace_id": "AemulatedTraceId0000000",
        }
        if self.details:
            error["error_data"] = {"messaging_product": "whatsapp", "details": self.details}
        return {"error": error}

    @property
    def in_status(self) -> JsonObject:
        """Return the error as a failed status carries it."""
        title = ERRORS[self.code][1]
        return {
            "code": self.code,
            "title": title,
            "message": title,
            "error_data": {"details": self.details or title},
            "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
        }


ERRORS: dict[int, tuple[int, str]] = {
    2: (503, "API Service"),
    33: (400, "Parameter value is not valid"),
    100: (400, "Invalid parameter"),
    190: (401, "Access token has expired"),
    368: (403, "Temporarily blocked for policies violations"),
    130429: (400, "Rate limit hit"),
    131000: (500, "Something went wrong"),
    131008: (400, "Required parameter is missing"),
    131009: (400, "Parameter value is not valid"),
    131026: (400, "Message undeliverable"),
    131047: (400, "Re-engagement message"),
    131051: (400, "Unsupported message type"),
    131052: (400, "Media download error"),
    131053: (400, "Media upload error"),
    131056: (400, "(Business Account, Consumer Account) pair rate limit hit"),
    132001: (404, "Template does not exist"),
}
