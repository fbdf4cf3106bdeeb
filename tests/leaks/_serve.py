"""A case as a service: `python _serve.py FOLDER WARM SECONDS`, under the interpreter that has the case's package.

`case.py` of FOLDER is imported and triggered WARM times; then `GET /hit?n=K` on loopback triggers it K times more. The
service ends after SECONDS at the latest. Standard library only; triggers run on its one event loop, one after the other,
and nothing here keeps anything.
"""

import asyncio
import contextlib
import inspect
import sys
from importlib import import_module
from types import ModuleType


class Service:
    """Triggers a case, and numbers the triggers."""

    def __init__(self, case: ModuleType) -> None:
        self._case = case
        self._count = 0

    async def run(self, times: int) -> None:
        """Trigger so many *times*."""
        for _ in range(times):
            result = self._case.trigger(self._count)
            if inspect.isawaitable(result):
                await result
            self._count += 1

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until it ends."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                status, text = await self._answered(request.split(b" ", 2)[1].decode())
                body = text.encode()
                writer.write(b"HTTP/1.1 %d\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
                await writer.drain()
        writer.close()

    async def _answered(self, target: str) -> tuple[int, str]:
        try:
            # A parser of URLs would keep some of them in a cache of its own.
            await self.run(int(target.rpartition("=")[2]))
        except Exception as error:  # noqa: BLE001  whatever a case raises is for whoever reads the answer
            return 500, f"{type(error).__name__}: {error}"
        return 200, str(self._count)


async def main() -> None:
    """Serve until the time is over."""
    folder, warm, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    sys.path[0] = folder
    case = import_module("case")
    if hasattr(case, "asetup"):
        await case.asetup()
    if hasattr(case, "setup"):
        case.setup()
    service = Service(case)
    await service.run(warm)
    server = await asyncio.start_server(service.answer, "127.0.0.1", 0)
    print("serving on", server.sockets[0].getsockname()[1], flush=True)  # noqa: T201  what whoever starts it waits for
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(server.serve_forever(), seconds)


if __name__ == "__main__":
    asyncio.run(main())
