"""Load on a case's service: triggers at an even pace, over one connection."""

import asyncio
from dataclasses import dataclass
from typing import Final, NoReturn

from tests.planted._watched import DriveError

_EVERY: Final = 0.2
"""Seconds between two requests at the least."""


@dataclass(frozen=True)
class Pace:
    """So many triggers in so many seconds, evenly; what a slow service leaves undone is not made up for at once."""

    triggers: float
    seconds: float

    def due(self, elapsed: float, done: int) -> int:
        """Return how many triggers are to run *elapsed* seconds after the beginning, with *done* run."""
        behind = int(self.triggers * elapsed / self.seconds) - done
        most = max(1, int(self.triggers / self.seconds))
        return max(0, min(behind, most))


class Load:
    """Runs triggers until it is cancelled; `triggered` says how many it has run."""

    def __init__(self, port: int, pace: Pace) -> None:
        self._port = port
        self._pace = pace
        self.triggered = 0

    async def run(self) -> NoReturn:
        """Ask for what is due, over and over; raises `DriveError` when the service fails."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            while True:
                number = self._pace.due(loop.time() - start, self.triggered)
                if number:
                    await _hit(reader, writer, number)
                    self.triggered += number
                await asyncio.sleep(_EVERY)
        except (OSError, asyncio.IncompleteReadError) as error:
            msg = f"the service no longer answers: {error}"
            raise DriveError(msg) from None
        finally:
            writer.close()


async def _hit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
    writer.write(b"GET /hit?n=%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % number)
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    body = await reader.readexactly(int(head.partition("Content-Length: ")[2].split("\r\n")[0]))
    status = head.split(" ", 2)[1].strip()
    if not status.startswith("200"):
        msg = f"the case failed under load: {body.decode(errors='replace')}"
        raise DriveError(msg)
