"""The readers of mail that the tests of one process share.

Starting a confined reader takes a third of a second of processor time, and over a hundred tests
need one for a mail or two. What a pool does with its processes is tested in
tests/mail_service/reading/test_reader_pool.py, on pools of their own.
"""

import asyncio
import atexit
import threading
from functools import cache

from mail_service.reading.message import Mail
from mail_service.reading.reader_pool import ReaderPool

CLOSE_TIMEOUT_S = 10


class SharedReaders(ReaderPool):
    """A pool on an event loop of its own, since each test has another."""

    def __init__(self) -> None:
        super().__init__(1, time_s=10, memory_mib=512)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    async def read(self, raw: bytes) -> Mail:
        """Return the parsed mail. Raises Unreadable."""
        reading = asyncio.run_coroutine_threadsafe(super().read(raw), self._loop)
        return await asyncio.wrap_future(reading)

    def close(self) -> None:
        """End the processes and the loop."""
        ended = asyncio.run_coroutine_threadsafe(self.__aexit__(None, None, None), self._loop)
        ended.result(CLOSE_TIMEOUT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSE_TIMEOUT_S)
        self._loop.close()


@cache
def shared_readers() -> SharedReaders:
    """Return the pool of this process."""
    readers = SharedReaders()
    atexit.register(readers.close)
    return readers
