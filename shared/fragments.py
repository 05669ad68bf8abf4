"""Compares quoted words with the text they are taken from, typography aside."""


def squeezed(text: str) -> str:
    """Return a text with every run of white space as one space, and one kind of apostrophe."""
    return " ".join(text.replace("’", "'").split())


def says(text: str, fragment: str) -> bool:
    """Whether a text contains a fragment word for word, white space and apostrophes aside."""
    return squeezed(fragment) in squeezed(text)
