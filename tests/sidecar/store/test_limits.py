"""The cap on disk, and a disk that is full before it is reached."""

import contextlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.store import MIN_CAP_BYTES, Reader, Store, StoreError
from tests.sidecar.store.conftest import ended, life, sample

ROOT = Path(__file__).parents[3]
COUNT = 500


def test_a_cap_that_cannot_be_kept_is_refused(path: Path) -> None:
    """The sentence has both sizes."""
    with pytest.raises(UsageError, match=r"at least 1\.0 MiB \(got 4\.0 KiB\)"):
        Store(path, cap_bytes=4096)


def test_file_and_wal_stay_under_the_cap(path: Path) -> None:
    """The oldest readings go, the newest stay, and an event says how many went."""
    biggest = 0
    with Store(path, cap_bytes=MIN_CAP_BYTES) as store:
        for t in range(COUNT):
            store.put_sample(sample(float(t), workers=4, maps=20, entries=1000 + t)).result(20)
            biggest = max(biggest, store.status().size_bytes)
    # A write is acknowledged before the room is made that it may call for: only a closed store has finished.
    status = store.status()
    with Reader(path) as reader:
        first, last = reader.span("web") or (0.0, 0.0)
        (event,) = reader.events()
        kept = sum(1 for _ in reader.rows("web"))
        assert reader._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert biggest <= MIN_CAP_BYTES
    assert biggest > MIN_CAP_BYTES // 2
    assert (first > 0, last) == (True, COUNT - 1.0)
    assert (event.kind, event.count) == ("pruned", status.pruned)
    assert kept + status.pruned == 4 * COUNT


def test_what_only_deleted_readings_had_goes_with_them(path: Path) -> None:
    """A life that ended before all that is left is forgotten, and so are its maps."""
    with Store(path, cap_bytes=MIN_CAP_BYTES) as store:
        store.put_sample(sample(0.0, maps=10, number=1))
        store.put_lives("web", (ended(life(), 1.0),))
        for t in range(1, 500):
            store.put_sample(sample(float(t), workers=4, maps=20, entries=1000 + t, number=2)).result(20)
        with Reader(path) as reader:
            assert {one.life for one in reader.lives("web")} == {2}
            assert reader._db.execute("SELECT count(*) FROM maps").fetchone() == (80,)


def test_a_reader_that_stays_cannot_break_the_writer(path: Path) -> None:
    """While a statement stays open the WAL cannot be emptied; writing goes on, and the store shrinks when it is gone."""
    with Store(path, cap_bytes=MIN_CAP_BYTES) as store:
        store.put_sample(sample(0.0, workers=4, maps=10)).result(20)
        with Reader(path) as reader:
            held = reader._db.execute("SELECT t FROM map_readings")
            held.fetchone()
            for t in range(1, 200):
                store.put_sample(sample(float(t), workers=4, maps=10)).result(20)
            held.close()
            assert (reader.span("web") or (1.0,))[0] == 0.0
        for t in range(200, 500):
            store.put_sample(sample(float(t), workers=4, maps=10)).result(20)
        assert store.status().error is None
        assert store.status().size_bytes <= MIN_CAP_BYTES


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 KiB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    if _mount("-t", "tmpfs", "-o", "size=300k", "none", str(folder)).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run([str(shutil.which("umount")), "-l", str(folder)], check=True)


def _mount(*arguments: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run([str(shutil.which("mount")), *arguments], check=False, capture_output=True)


def test_a_full_disk_is_said_and_survived(small_disk: Path) -> None:
    """Writes fail in clear words, what is stored stays readable, and writing goes on when there is room again."""
    path = small_disk / "history.db"
    with Store(path) as store:
        stored = 0
        while not (failure := store.put_sample(sample(float(stored), workers=4, maps=10)).exception(20)):
            stored += 4
        assert isinstance(failure, StoreError)
        assert "no room on the disk" in failure.message
        assert store.status().error == failure.message
        assert store.status().failed == 1
        with Reader(path) as reader:
            assert sum(1 for _ in reader.rows("web")) == stored
        _mount("-o", "remount,size=4m", str(small_disk)).check_returncode()
        store.put_sample(sample(5000.0, workers=4, maps=10)).result(20)
        assert store.status().error is None
        with Reader(path) as reader:
            assert reader._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert sum(1 for _ in reader.rows("web")) == stored + 4


def test_a_disk_that_is_full_from_the_start_is_said(small_disk: Path) -> None:
    """The store cannot be opened, and the sentence says why; nothing of it is left."""
    with (small_disk / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(b"x" * 4096)
    with pytest.raises(StoreError, match="no room on the disk"):
        Store(small_disk / "history.db")


FILE_LIMIT = """
import resource, sys
from pathlib import Path
from floodmark_sidecar.store import Store
from tests.sidecar.store.conftest import sample
store = Store(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
t = 0.0
try:
    while t < 3000:
        t += 1
        store.put_sample(sample(t, workers=4, maps=10)).result(20)
except Exception as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.put_sample(sample(t + 1)).result(20)
store.close()
print("closed", store.status().error)
"""


def test_a_file_that_may_not_grow_is_said_and_survived(path: Path) -> None:
    """A limit on the size of files is met as a full disk is: in words, without losing what is there."""
    said = subprocess.run(
        [sys.executable, "-c", FILE_LIMIT, str(path)], text=True, capture_output=True, cwd=ROOT, check=True, timeout=50
    ).stdout
    assert "the store" in said.splitlines()[0]
    assert said.splitlines()[1:] == ["closed None"]
    with Reader(path) as reader:
        assert reader._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_queue_that_is_full_fails_at_once(path: Path) -> None:
    """Nobody waits for a writer that cannot keep up; what it did not take is counted."""
    with Store(path) as store:
        hold, held = threading.Event(), threading.Event()

        def block(_writes: object) -> None:
            held.set()
            hold.wait(20)

        store._submit(block)
        held.wait(20)
        waiting = [store.put_sample(sample(float(t))) for t in range(300)]
        with pytest.raises(StoreError, match="writes behind"):
            waiting[-1].result(0)
        hold.set()
        waiting[0].result(20)
        assert store.status().failed > 0
