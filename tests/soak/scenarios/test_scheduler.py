"""The scheduler, the listener and the background pool on real files, without HTTP."""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from floodmark_soak.scenarios.image_pipeline.archive import Archive
from floodmark_soak.scenarios.image_pipeline.background import Background
from floodmark_soak.scenarios.image_pipeline.image import Image
from floodmark_soak.scenarios.image_pipeline.service import Service
from floodmark_soak.scenarios.image_pipeline.settings import Settings, Variant

from .running import wait_until


class Pipelines:
    """Makes services whose scanner is not started, and ends them with the test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ends = ExitStack()
        self._made = 0

    def make(self, settings: Settings) -> Service:
        """A service in a folder of its own."""
        self._made += 1
        folder = self._folder / str(self._made)
        folder.mkdir()
        service = Service(settings, folder)
        self._ends.callback(self._end, service)
        return service

    @staticmethod
    def _end(service: Service) -> None:
        for pipe in service.input.iterdir():
            if pipe.is_fifo():  # a job may still be waiting at it, if its test has failed
                with suppress(OSError):
                    os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        service.scheduler.close()

    def close(self) -> None:
        """End all services."""
        self._ends.close()


@pytest.fixture
def pipelines(tmp_path: Path) -> Iterator[Pipelines]:
    """Services that are ended after the test."""
    made = Pipelines(tmp_path)
    yield made
    made.close()


@pytest.fixture(params=["leaky", "bounded"])
def variant(request: pytest.FixtureRequest) -> Variant:
    """Each variant in turn."""
    chosen: Variant = request.param
    return chosen


def place(service: Service, task_id: str, filename: str) -> Image:
    """An image that lies in the input folder."""
    image = Image.named(service.input, task_id, filename)
    Path(image.path).write_bytes(b"image")
    return image


def place_pipe(service: Service, task_id: str, filename: str) -> Image:
    """An image whose reading lasts until somebody writes to it."""
    image = Image.named(service.input, task_id, filename)
    os.mkfifo(image.path)
    return image


def moved(service: Service) -> int:
    """Images moved so far."""
    return service.totals.as_dict()["moved"]


def test_an_image_that_is_pending_is_not_queued_again(variant: Variant, pipelines: Pipelines) -> None:
    """From its queueing to the start of its inference, an image cannot be queued a second time."""
    service = pipelines.make(Settings(variant=variant, failures=0, inference_workers=1))
    slow, waiting = place_pipe(service, "task", "slow.jpg"), place(service, "task", "waiting.jpg")
    assert service.scheduler.schedule(slow, wait=False)
    assert service.scheduler.schedule(waiting, wait=False)
    assert not service.scheduler.schedule(waiting, wait=False)
    Path(slow.path).write_bytes(b"image")
    wait_until(lambda: moved(service) == 2, "both are moved")
    assert service.scheduler.sizes()["scheduler.pending_inference"] == 0


def test_an_event_is_taken_once(variant: Variant, pipelines: Pipelines) -> None:
    """A repeated event of a path is not scheduled, even when the path's file is there again."""
    service = pipelines.make(Settings(variant=variant, failures=0))
    image = place(service, "task", "image.jpg")
    service.event_listener.announce(image)
    wait_until(lambda: moved(service) == 1, "it is moved")
    service.event_listener.announce(place(service, "task", "image.jpg"))
    assert service.totals.as_dict()["by_event"] == 1


def test_a_scan_takes_a_file_once(variant: Variant, pipelines: Pipelines) -> None:
    """A file that is still there at the next scan is not taken again."""
    service = pipelines.make(Settings(variant=variant, failures=1, settle=-1))
    place(service, "task", "image.jpg")
    service.scanner.scan()
    wait_until(lambda: service.totals.as_dict()["failed"] == 1, "its job has died")
    service.scanner.scan()
    assert service.totals.as_dict()["by_scanner"] == 1
    assert service.sizes()["scanner.processed"] == 1


def test_a_file_that_may_still_be_written_is_left_alone(variant: Variant, pipelines: Pipelines) -> None:
    """The scanner takes a file only when it has lain for the time to settle."""
    service = pipelines.make(Settings(variant=variant, settle=60))
    place(service, "task", "image.jpg")
    service.scanner.scan()
    assert service.sizes()["scanner.processed"] == 0


def test_moves_of_one_task_exclude_one_another(variant: Variant, pipelines: Pipelines) -> None:
    """While a task's lock is held none of its images is moved; another task's are."""
    service = pipelines.make(Settings(variant=variant, failures=0, move_workers=2))
    held, free = place(service, "held", "image.jpg"), place(service, "free", "image.jpg")
    with service.scheduler.moving("held"):
        service.scheduler.schedule(held, wait=False)
        service.scheduler.schedule(free, wait=False)
        wait_until(lambda: not Path(free.path).exists(), "the free task's image is moved")
        assert Path(held.path).exists()
    wait_until(lambda: moved(service) == 2, "both are moved")


@pytest.mark.parametrize(("of", "locks"), [("leaky", 5), ("bounded", 0)])
def test_a_lock_for_every_task(of: Variant, locks: int, pipelines: Pipelines) -> None:
    """Leaky keeps a lock for every task there was; bounded none when nothing is moved any more."""
    service = pipelines.make(Settings(variant=of, failures=0))
    for number in range(10):
        service.scheduler.schedule(place(service, f"task-{number // 2}", f"{number}.jpg"), wait=True)
    wait_until(lambda: moved(service) == 10, "all are moved")
    wait_until(lambda: service.scheduler.sizes()["scheduler.move_locks"] == locks, f"{locks} locks are left")


def test_a_dead_job_leaves_its_flag(pipelines: Pipelines) -> None:
    """Leaky: the flag of an image whose job died stays, and the image cannot be queued any more."""
    service = pipelines.make(Settings(variant="leaky", failures=1))
    image = place(service, "task", "image.jpg")
    service.scheduler.schedule(image, wait=True)
    wait_until(lambda: service.totals.as_dict()["failed"] == 1, "the job has died")
    assert service.scheduler.sizes()["scheduler.pending_inference"] == 1
    assert not service.scheduler.schedule(image, wait=True)


def test_a_dead_jobs_flag_expires(pipelines: Pipelines) -> None:
    """Bounded: the flag of an image whose job died ends with its time to live."""
    service = pipelines.make(Settings(variant="bounded", failures=1, pending_ttl=0.5))
    image = place(service, "task", "image.jpg")
    service.scheduler.schedule(image, wait=True)
    wait_until(lambda: service.totals.as_dict()["failed"] == 1, "the job has died")
    assert service.scheduler.sizes()["scheduler.pending_inference"] == 1
    wait_until(lambda: service.scheduler.sizes()["scheduler.pending_inference"] == 0, "the flag has expired")
    assert service.scheduler.schedule(image, wait=True)


def test_a_full_queue_leaves_no_flag(variant: Variant, pipelines: Pipelines) -> None:
    """An image there was no room for is not pending: the scanner can still take it."""
    service = pipelines.make(Settings(variant=variant, failures=0, inference_workers=1, backlog=1))
    slow, queued, late = (
        place_pipe(service, "task", "slow.jpg"),
        place(service, "a", "1.jpg"),
        place(service, "b", "2.jpg"),
    )
    assert service.scheduler.schedule(slow, wait=False)
    wait_until(lambda: service.scheduler.sizes()["scheduler.pending_inference"] == 0, "its inference has begun")
    assert service.scheduler.schedule(queued, wait=False)
    assert not service.scheduler.schedule(late, wait=False)
    assert service.scheduler.sizes()["scheduler.pending_inference"] == 1
    Path(slow.path).write_bytes(b"image")
    wait_until(lambda: moved(service) == 2, "the first two are moved")
    assert service.scheduler.schedule(late, wait=False)


def test_a_file_that_is_gone_is_counted(variant: Variant, pipelines: Pipelines) -> None:
    """A file that went before its inference or its move leaves no folder in the archive."""
    service = pipelines.make(Settings(variant=variant, failures=0))
    service.scheduler.schedule(Image.named(service.input, "task", "gone.jpg"), wait=True)
    wait_until(lambda: service.totals.as_dict()["missing"] == 1, "it is missed")
    archive = Archive(service.folder / "archive", limit=1)
    with pytest.raises(FileNotFoundError):
        archive.store(Image.named(service.input, "task", "gone.jpg"))
    assert list((service.folder / "archive").iterdir()) == []


def test_failures_are_logged_sparingly(caplog: pytest.LogCaptureFixture) -> None:
    """A burst of failing jobs makes one line, with the latest error in it."""
    done = threading.Event()

    def fail() -> None:
        message = "no such model"
        raise RuntimeError(message)

    pool = Background("inference", workers=1, backlog=100)
    with caplog.at_level(logging.WARNING):
        for _ in range(50):
            assert pool.submit(fail, wait=True)
        pool.submit(done.set, wait=True)
        assert done.wait(10)
        pool.close()
    assert [record.getMessage() for record in caplog.records] == [
        "inference: 1 job(s) failed since the last message, the latest with RuntimeError('no such model')"
    ]


def test_a_closed_pool_takes_nothing() -> None:
    """What is submitted after the end is refused, not raised at the caller, and what waits is forgotten."""
    pool = Background("moves", workers=1, backlog=2)
    begun, go = threading.Event(), threading.Event()
    ran: list[int] = []

    def hold() -> None:
        begun.set()
        go.wait(10)
        ran.append(1)

    pool.submit(hold, wait=True)
    pool.submit(lambda: ran.append(2), wait=True)
    begun.wait(10)
    threading.Timer(0.1, go.set).start()
    pool.close()
    assert not pool.submit(lambda: ran.append(3), wait=True)
    assert ran == [1]
