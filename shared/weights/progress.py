"""Says on standard output how a download goes."""

import sys

REPORT_EVERY_BYTES = 64 * 1024 * 1024


class DownloadProgress:
    """Prints the progress of a download every `REPORT_EVERY_BYTES`."""

    def __init__(self) -> None:
        self._file, self._reported_bytes = "", 0

    def __call__(self, name: str, done_bytes: int, size_bytes: int) -> None:
        """Take the bytes fetched so far; see `hub.Progress`."""
        step_bytes = done_bytes - self._reported_bytes
        if name != self._file or step_bytes >= REPORT_EVERY_BYTES or done_bytes == size_bytes:
            self._file, self._reported_bytes = name, done_bytes
            share = done_bytes / size_bytes if size_bytes else 1.0
            done = f"{done_bytes / 1e6:,.0f} of {size_bytes / 1e6:,.0f} MB"
            sys.stdout.write(f"{name}: {done} ({share:.0%})\n")
            sys.stdout.flush()
