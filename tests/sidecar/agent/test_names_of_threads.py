"""The names of what only the state of a thread holds, or a context: whole captures of real processes."""

from collections.abc import Callable
from typing import Any

Containers = Callable[..., dict[str, dict[str, Any]]]


def test_what_threads_have_in_a_local(containers: Containers, python: str) -> None:
    """What a living thread put into a `threading.local` goes by the name that the local, or its class, has in the code."""
    found = containers(
        """
        import threading

        class State(threading.local):
            def __init__(self, limit):
                self.limit = limit
                self.seen = {}

        class Client:
            def __init__(self):
                self.own = threading.local()

        remembered, state, client = threading.local(), State(limit=7), Client()
        remembered.journal = list(range(200))

        def work(ready):
            remembered.records = [[number] for number in range(100)]
            state.seen.update((number, [number]) for number in range(100))
            client.own.cache = set(range(100))
            ready.set()
            threading.Event().wait()

        ready = threading.Event()
        threading.Thread(target=work, args=(ready,), daemon=True).start()
        ready.wait()

        # As gevent does, after the agent was started.
        import _thread
        from floodmark_sidecar.agent import _originals
        _thread._local = type("Cooperative", (), {})
        """,
        python=python,
    )
    assert {name: (row["path"], row["chain"]) for name, row in found.items() if "scenario" in row["path"]} == {
        "remembered": ("scenario.remembered", "scenario.remembered.records"),
        "seen": ("scenario.State.seen", "scenario.state.seen"),
        "own": ("scenario.Client.own", "scenario.client.own.cache"),
    }


def test_what_a_context_variable_holds(containers: Containers, python: str) -> None:
    """What a context has is named after its variable: the context of a thread, of a callback, of a task that waits."""
    found = containers(
        """
        import asyncio, contextvars, threading

        history = contextvars.ContextVar("request history")
        seen = contextvars.ContextVar("seen")
        waits = contextvars.ContextVar("waits")
        hidden = {"var": contextvars.ContextVar("of no module")}["var"]

        history.set([[number] for number in range(100)])
        contextvars.copy_context().run(hidden.set, None)

        def work(ready):
            seen.set({number: [number] for number in range(100)})
            held = [contextvars.ContextVar("nameless")]
            held[0].set([[number] for number in range(150)])
            ready.set()
            threading.Event().wait()

        async def wait():
            waits.set(set(range(100)))
            await asyncio.Event().wait()

        async def main():
            task = asyncio.create_task(wait())
            await asyncio.sleep(0)
            return asyncio.get_running_loop(), task

        ready = threading.Event()
        threading.Thread(target=work, args=(ready,), daemon=True).start()
        ready.wait()
        loop = asyncio.new_event_loop()
        held = loop.run_until_complete(main())
        import atexit
        atexit.register(lambda: (held[1].cancel(), loop.run_until_complete(asyncio.sleep(0)), loop.close()))
        """,
        python=python,
    )
    assert [found[name]["path"] for name in ("history", "seen", "nameless", "waits")] == [
        "scenario.history",
        "scenario.seen",
        "ContextVar.nameless",
        "scenario.waits",
    ]
    assert found["history"]["owner"]["file"].endswith("/scenario.py")
