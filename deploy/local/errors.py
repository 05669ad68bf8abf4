"""How `./neo` ends when something is wrong."""


class Stop(Exception):
    """An error for the user: one sentence that names the way out."""
