"""docs/operating.md as somebody at a keyboard reads it: the commands under a heading."""

from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operating.md"


def blocks(heading: str, page: Path = PAGE) -> list[str]:
    """Return the ```sh blocks under the heading that begins like this, those of its parts too.

    Raises LookupError when no heading does.
    """
    level = heading.index(" ")
    found: list[str] = []
    here = in_code = taken = False
    for line in page.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.startswith("```"):
            in_code = not in_code
            taken = here and line == "```sh\n"
            if taken:
                found.append("")
        elif in_code and taken:
            found[-1] += line
        elif not in_code and line.startswith("#") and line.index(" ") <= level:
            here = line.startswith(heading)
    if not found:
        raise LookupError(f"{page.name} has no commands under {heading}")
    return found


def says(words: str, page: Path = PAGE) -> str:
    """Return these words, which the text of the page says in a line. Raises LookupError."""
    if f"`{words}`" not in page.read_text(encoding="utf-8"):
        raise LookupError(f"{page.name} does not say {words}")
    return words
