"""The traps of forking a running process, each in a process of its own."""

import pytest

from tests.sidecar.agent.conftest import Run

PREAMBLE = """
import os, signal, sys, tempfile, threading, time
from floodmark_sidecar.agent import _fork

def take(work=lambda heap: b"done", **options):
    return _fork.run(work, **{"deadline": 20.0, "cpu_seconds": 20, **options})

def in_thread(work):
    ready = threading.Event()
    threading.Thread(target=lambda: (work(), ready.set(), threading.Event().wait()), daemon=True).start()
    assert ready.wait(10)

def leave():
    sys.stdout.flush()
    os._exit(0)
"""


def test_live_temporary_files_of_other_threads_survive(run: Run, python: str) -> None:
    """What another thread holds in a `threading.local` is neither finalised nor deleted from the disk."""
    out = run(
        PREAMBLE
        + """
local, paths = threading.local(), []
def hold():
    local.file, local.folder = tempfile.NamedTemporaryFile(), tempfile.TemporaryDirectory()
    paths.extend([local.file.name, local.folder.name])
in_thread(hold)
print(*(take().answer for _ in range(3)), [os.path.exists(path) for path in paths])
leave()
""",
        python=python,
    )
    assert out == "b'done' b'done' b'done' [True, True]\n"


@pytest.mark.parametrize("place", ["local.guard = Guard()", "variable.set(Guard())"])
def test_no_finaliser_of_the_service_runs_in_the_child(run: Run, python: str, place: str) -> None:
    """An object that only the state of another thread holds, in a local or a context variable, is not finalised."""
    out = run(
        PREAMBLE
        + f"""
import contextvars
class Guard:
    def __del__(self):
        open("finalised", "w").close()
local, variable = threading.local(), contextvars.ContextVar("guard")
def hold():
    {place}
in_thread(hold)
print(take().answer, os.path.exists("finalised"))
leave()
""",
        python=python,
    )
    assert out == "b'done' False\n"


def test_fork_hooks_of_others_do_no_harm(run: Run, python: str) -> None:
    """Hooks of libraries do not run in the child, where they would start threads; in the parent they stay paired."""
    out = run(
        PREAMBLE
        + """
calls = []
os.register_at_fork(
    before=lambda: calls.append("before"),
    after_in_parent=lambda: calls.append("parent"),
    after_in_child=lambda: open("child hook", "w").close(),
)
os.register_at_fork(after_in_child=lambda: 1 / 0)
sys.unraisablehook = lambda _: None
print(take().answer, calls, os.path.exists("child hook"))
pid = os.fork()
if not pid:
    os._exit(0)
os.waitpid(pid, 0)
print(os.path.exists("child hook"))
""",
        python=python,
    )
    assert out.splitlines() == ["b'done' ['before', 'parent'] False", "True"]


def test_no_warning_of_a_fork_with_threads(run: Run, python: str) -> None:
    """The interpreter's DeprecationWarning about forks of threaded processes does not reach the service."""
    out = run(PREAMBLE + "in_thread(lambda: None)\nprint(take().answer)\nleave()", python=python, flags=("-W", "error"))
    assert out == "b'done'\n"


def test_nothing_is_left_open_or_unreaped(run: Run) -> None:
    """After good and failed captures the parent has the same descriptors, signal mask and no child."""
    out = run(
        PREAMBLE
        + """
before = sorted(os.listdir("/proc/self/fd")), signal.pthread_sigmask(signal.SIG_BLOCK, ())
take(), take(lambda heap: 1 / 0), take(lambda heap: os.abort())
after = sorted(os.listdir("/proc/self/fd")), signal.pthread_sigmask(signal.SIG_BLOCK, ())
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print(before == after)
"""
    )
    assert out == "True\n"


def test_the_child_has_only_its_output_open(run: Run) -> None:
    """Sockets, logs and locks of the service are closed in the child, and the standard streams lead nowhere."""
    out = run(
        PREAMBLE
        + """
kept = open(__file__)
def work(heap):
    print("never seen", flush=True)
    links = []
    for fd in range(1000):
        try:
            links.append(os.readlink(f"/proc/self/fd/{fd}").partition(":")[0])
        except FileNotFoundError:
            continue
    return repr(links).encode()
print(take(work).answer)
"""
    )
    assert out == "b\"['/dev/null', '/dev/null', '/dev/null', 'pipe']\"\n"


def test_a_signal_to_the_child_does_not_reach_the_service(run: Run, python: str) -> None:
    """SIGTERM to the child kills the child; the service's handler, and its wakeup descriptor, hear nothing."""
    out = run(
        PREAMBLE
        + """
import asyncio
async def main():
    heard = []
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, heard.append, 1)
    def work(heap):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)
        return b"still there"
    outcome = await asyncio.to_thread(take, work)
    await asyncio.sleep(0.05)
    print(heard, outcome.failure)
asyncio.run(main())
""",
        python=python,
    )
    assert out == "[] the census was ended by signal 15\n"


def test_a_service_that_reaps_every_child(run: Run) -> None:
    """`waitpid(-1)` in another thread may take our child: the answer is there all the same, and nothing is raised."""
    out = run(
        PREAMBLE
        + """
reaped = []
def reap():
    while True:
        try:
            reaped.append(os.waitpid(-1, 0)[1])
        except ChildProcessError:
            time.sleep(0.0005)
threading.Thread(target=reap, daemon=True).start()
print({take().answer for _ in range(20)}, take(lambda heap: 1 / 0).answer, set(reaped) <= {0})
leave()
"""
    )
    assert out == "{b'done'} None True\n"


def test_ignored_sigchld(run: Run) -> None:
    """Where the kernel reaps for the service, there is no status to be had, and none is needed."""
    out = run(PREAMBLE + "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\nprint(take().answer)")
    assert out == "b'done'\n"


def test_failures_name_the_place_and_not_the_value(run: Run) -> None:
    """An error in the child comes back as its type and line; its text, which may hold secrets, does not."""
    out = run(
        PREAMBLE
        + """
def work(heap):
    raise KeyError("secret")
outcome = take(work)
print(outcome.answer, outcome.failure)
"""
    )
    assert "secret" not in out
    assert out.startswith("None the census failed: KeyError at scenario.py:")


def test_the_child_cannot_get_back_into_the_service(run: Run) -> None:
    """SystemExit in the child's work ends the child alone; nothing after the call runs twice."""
    out = run(PREAMBLE + "take(lambda heap: sys.exit(3))\nopen('after', 'a').write('x')\nprint(open('after').read())")
    assert out == "x\n"


def test_a_hung_child_is_ended(run: Run) -> None:
    """At the deadline the parent kills the child and says so."""
    out = run(PREAMBLE + "print(take(lambda heap: time.sleep(60), deadline=0.3).failure)")
    assert out == "the census took too long and was ended\n"


def test_the_child_ends_with_its_parent(run: Run) -> None:
    """When the service is killed in mid-capture, the child goes too, even though nobody waits for it."""
    out = run(
        PREAMBLE
        + """
import subprocess
if len(sys.argv) == 1:
    service = subprocess.Popen([sys.executable, __file__, "service"], stdout=subprocess.PIPE, text=True)
    until = time.monotonic() + 10
    while not os.path.exists("child") and time.monotonic() < until:
        time.sleep(0.01)
    child = int(open("child").read())
    service.kill()
    service.communicate()
    while os.path.exists(f"/proc/{child}/fd") and time.monotonic() < until:
        try:
            if open(f"/proc/{child}/stat").read().rpartition(")")[2].split()[0] == "Z":
                break
        except FileNotFoundError:
            break
        time.sleep(0.01)
    print(time.monotonic() < until)
else:
    def work(heap):
        with open("child.part", "w") as file:
            file.write(str(os.getpid()))
        os.rename("child.part", "child")
        time.sleep(60)
    take(work)
"""
    )
    assert out == "True\n"


def test_the_service_s_frames_are_not_held(run: Run) -> None:
    """While the child works, the parent keeps no variable of another thread alive."""
    out = run(
        PREAMBLE
        + """
class Guard:
    def __del__(self):
        ended.set()
ended, go, started = threading.Event(), threading.Event(), threading.Event()
def work():
    guard = Guard()
    started.set()
    go.wait()
thread = threading.Thread(target=work)
thread.start()
started.wait()
def census(heap):
    assert heap.frames and threading.get_ident() not in heap.frames
    time.sleep(60)
wake = os.eventfd(0)
capture = threading.Thread(target=lambda: print(take(census, cancel=wake).failure))
capture.start()
while not any(open(f"/proc/self/task/{task}/children").read() for task in os.listdir("/proc/self/task")):
    time.sleep(0.001)
go.set()
print(ended.wait(10))
os.eventfd_write(wake, 1)
capture.join()
thread.join()
"""
    )
    assert out == "True\nthe agent was stopped during the census\n"


def test_the_collector_is_off_in_the_child(run: Run) -> None:
    """The census' own allocations start no collection."""
    out = run(PREAMBLE + "import gc\nprint(take(lambda heap: str(gc.isenabled()).encode()).answer, gc.isenabled())")
    assert out == "b'False' True\n"


def test_cancelled_by_a_descriptor(run: Run) -> None:
    """A wait for the child ends when the agent is asked to stop."""
    out = run(
        PREAMBLE
        + """
wake = os.eventfd(1)
started = time.monotonic()
print(take(lambda heap: time.sleep(60), cancel=wake).failure, time.monotonic() - started < 10)
"""
    )
    assert out == "the agent was stopped during the census True\n"


def test_other_forks_while_capturing_keep_their_hooks(run: Run) -> None:
    """The flag that silences our own hooks is one thread's: a fork of the service at that moment is not ours."""
    out = run(
        PREAMBLE
        + """
seen = []
os.register_at_fork(before=lambda: seen.append(_fork.capturing == threading.get_ident()))
take()
pid = os.fork()
if not pid:
    os._exit(0)
os.waitpid(pid, 0)
print(seen, _fork.capturing)
"""
    )
    assert out == "[True, False] None\n"


@pytest.mark.slow
def test_no_child_hangs_under_churning_threads(run: Run, python: str) -> None:
    """Threads that fight for the GIL, for malloc and for thread states at the moment of the fork hang no child."""
    out = run(
        PREAMBLE
        + """
heap = [{"key": number, "text": str(number)} for number in range(30_000)]
stop = False
def churn():
    while not stop:
        [bytes(2000) for _ in range(200)], {number: str(number) for number in range(300)}, sum(range(3000))
def spawn():
    while not stop:
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()
for target in (churn, churn, churn, spawn):
    threading.Thread(target=target, daemon=True).start()
print([outcome.failure for outcome in (take(deadline=10.0) for _ in range(100)) if outcome.answer != b"done"])
leave()
""",
        python=python,
    )
    assert out == "[]\n"
