"""How the widget of a publishable key looks: stored with the key, and safe to write into a page.

Every field has a closed form: a colour is six hexadecimal digits, texts are shown as text, and the
logo is a PNG or WebP file, which no browser takes for a document.
"""

import base64
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from shared.languages import Language

MAX_LOGO_BYTES = 16 * 1024
LOGO_TYPES = {b"\x89PNG\r\n\x1a\n": "image/png", b"RIFF": "image/webp"}
"""The first bytes of a file, and its media type (WebP: RIFF, its length, WEBP)."""
Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9a-f]{6}$")]
Greeting = Annotated[str, StringConstraints(min_length=1, max_length=280)]
DEFAULT_COLOUR = "#8a1c2b"


class WidgetLook(BaseModel):
    """Colour of the button and of the header, title, greeting by language, side of the page, logo.

    `logo` is the file in base64; empty: none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    colour: Colour = DEFAULT_COLOUR
    title: str = Field(default="", max_length=40)
    greetings: dict[Language, Greeting] = Field(default_factory=dict)
    position: Literal["right", "left"] = "right"
    logo: str = ""

    @property
    def text_colour(self) -> str:
        """Return black or white, whichever is read better on the colour (WCAG 2.2, 1.4.3).

        One of them has a contrast of at least 4.58 with any colour.
        """
        light = (luminance(self.colour) + 0.05) / 0.05
        dark = 1.05 / (luminance(self.colour) + 0.05)
        return "#000000" if light > dark else "#ffffff"

    def logo_file(self) -> tuple[bytes, str] | None:
        """Return the logo and its media type; None without one."""
        content = base64.b64decode(self.logo)
        return (content, logo_type(content)) if content else None


def luminance(colour: str) -> float:
    """Return the relative luminance of `#rrggbb`, from 0 to 1 (WCAG 2.2)."""
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return sum(part * share for part, share in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


def logo_type(content: bytes) -> str:
    """Return the media type of a logo. Raises ValueError for any other file."""
    for start, media_type in LOGO_TYPES.items():
        if content.startswith(start) and (start != b"RIFF" or content[8:12] == b"WEBP"):
            return media_type
    raise ValueError("a logo is a PNG or WebP file")


def read_logo(path: Path) -> str:
    """Return a logo's file in base64. Raises ValueError, OSError."""
    content = path.read_bytes()
    if len(content) > MAX_LOGO_BYTES:
        raise ValueError(f"a logo has at most {MAX_LOGO_BYTES // 1024} KiB")
    logo_type(content)
    return base64.b64encode(content).decode("ascii")
