"""Background and its process: forks, the exit of the interpreter, and nothing that stays."""

import asyncio
import gc
import logging
import threading
import weakref
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from floodmark_caches import Background
from tests.caches.background.conftest import Broken, Manager, Thing, fail
from tests.caches.conftest import eventually, fresh_name, run_python


def test_a_forked_child_starts_with_nothing_under_way() -> None:
    """And makes a pool of its own; a given executor that was used before is refused there."""
    run_python(
        """
        import os, threading, warnings
        warnings.filterwarnings("ignore", message=".*multi-threaded.*", category=DeprecationWarning)
        from concurrent.futures import ThreadPoolExecutor
        from floodmark_caches import Background
        own = Background("own")
        given = Background("given", ThreadPoolExecutor(1))
        begun, let_go = threading.Event(), threading.Event()

        def work():
            begun.set()
            let_go.wait(10)

        futures = [own.spawn(work), given.spawn(int)]
        begun.wait(10)
        pid = os.fork()
        if pid == 0:
            try:
                assert (own.started, own.active) == (0, 0)
                assert own.spawn(int).result(10) == 0
                assert (own.started, own.active, own.completed) == (1, 0, 1)
                try:
                    given.spawn(int)
                except RuntimeError as error:
                    assert "before the fork" in str(error)
                    own.close()
                    os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0
        let_go.set()
        for future in futures:
            future.result(10)
        assert (own.started, own.completed, given.completed) == (1, 1, 1)
        """
    )


def test_a_process_that_forks_keeps_no_idle_thread() -> None:
    """They end before the fork, so that it warns of none, and come again with the next work."""
    run_python(
        """
        import os, threading
        from floodmark_caches import Background
        background = Background("background", max_workers=3)
        for _ in range(3):
            futures = [background.spawn(int) for _ in range(5)]
            # The thread is on its way out of the work when the result is there already.
            futures[-1].add_done_callback(lambda _: threading.Event().wait(0.05))
            for future in futures:
                future.result(10)
            pid = os.fork()
            if pid == 0:
                os._exit(0 if background.spawn(int).result(10) == 0 else 1)
            assert os.waitpid(pid, 0)[1] == 0
            assert threading.active_count() == 1
        """
    )


def test_the_interpreter_exits_with_work_under_way() -> None:
    """What ends in time ends; then what waits is cancelled and gives back what it owns, and what hangs is left."""
    printed = run_python(
        """
        import logging, sys, threading
        from floodmark_caches import Background

        class Handler(logging.Handler):
            def emit(self, record):
                print(record.getMessage(), flush=True)

        logging.getLogger("floodmark.caches").addHandler(Handler())

        class Thing:
            def release(self):
                print("released", flush=True)

        good = Background("good", max_workers=1)
        for _ in range(3):
            good.spawn(threading.Event().wait, 0.01, owns=Thing())
        stuck = Background("stuck", max_workers=1, patience=0.05)
        begun = threading.Event()
        stuck.spawn(lambda: (begun.set(), threading.Event().wait()))
        begun.wait(10)
        stuck.spawn(print, "never", owns=Thing())
        """
    )
    assert printed.count("released") == 4
    assert "background 'stuck': the interpreter exits, 1 pieces of work are cancelled and 1 given up" in printed
    assert "never" not in printed
    assert "good" not in printed


def test_work_that_comes_after_the_end_is_refused_with_the_reason() -> None:
    """Nobody has closed it: the interpreter is exiting."""
    printed = run_python(
        """
        import atexit

        def late():
            try:
                background.spawn(int)
            except RuntimeError as error:
                print(error)

        atexit.register(late)  # before ours, so it comes behind
        from floodmark_caches import Background
        background = Background("b")
        background.spawn(int).result(10)
        """
    )
    assert printed == "background 'b' takes no more work: the interpreter is exiting\n"


def test_nothing_is_loaded_before_the_first_work() -> None:
    """Neither asyncio nor concurrent.futures, and no thread runs."""
    run_python(
        """
        import sys, threading
        from floodmark_caches import Background
        background = Background("background")
        assert "asyncio" not in sys.modules
        assert "concurrent.futures" not in sys.modules
        assert threading.active_count() == 1
        """
    )


def test_what_work_was_given_goes_with_its_future(own: Background, caplog: pytest.LogCaptureFixture) -> None:
    """Without waiting for the collector, also if it raised; while the future lives, what it owned is gone already."""

    class Plain:
        def release(self) -> None:
            pass

    logging.getLogger("floodmark.caches").disabled = True  # the records of caplog hold the tracebacks
    gc.disable()
    try:
        for function in (int, fail):
            thing, argument = Plain(), Plain()
            references = [weakref.ref(thing), weakref.ref(argument)]
            call = partial(lambda argument, function: function(), argument, function)
            future: Future[Any] = own.spawn(call, owns=thing)
            future.exception(10)
            del thing, argument, call
            eventually(lambda: references[0]() is None)  # noqa: B023 - called at once
            del future
            eventually(lambda: references[1]() is None)  # noqa: B023 - called at once
    finally:
        gc.enable()
        logging.getLogger("floodmark.caches").disabled = False


def test_three_rounds_leave_as_many_objects_as_two(caplog: pytest.LogCaptureFixture) -> None:
    """No work, thread, task or descriptor stays, nor the background."""
    caplog.set_level(logging.CRITICAL)

    async def work(error: bool) -> None:
        await asyncio.sleep(0)
        if error:
            raise Broken

    async def some_tasks(background: Background) -> None:
        under_way = [background.spawn_async(work(turn % 2 == 0), owns=Thing()) for turn in range(10)]
        under_way[0].cancel()
        await asyncio.wait(under_way)

    def everything() -> None:
        with Background(fresh_name(), max_workers=2) as background:
            for turn in range(30):
                future: Future[Any] = background.spawn(fail if turn % 2 else int, owns=[Thing(), Manager()])
                if turn % 3 == 0:
                    future.cancel()
            asyncio.run(some_tasks(background))

    counts = []
    for _ in range(4):
        everything()
        gc.collect()
        descriptors = len(list(Path("/proc/self/fd").iterdir()))
        counts.append((len(gc.get_objects()), descriptors, threading.active_count()))
    assert counts[1][1:] == counts[2][1:] == counts[3][1:]
    assert max(count[0] for count in counts[1:]) - min(count[0] for count in counts[1:]) <= 5
