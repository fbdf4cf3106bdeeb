"""What is known of the interpreter: versions that are known to keep memory or to crash, and settings that are in the way."""

from typing import Final

from floodmark_sidecar.doctor._facts import Facts
from floodmark_sidecar.doctor._finding import Finding, fine, note, problem

_LEAST: Final = 0x030B0000
_INCREMENTAL: Final = range(0x030E0000, 0x030E0500)
_RACES: Final = (range(0x030B0000, 0x030C09F0), range(0x030D0000, 0x030D02F0))
_LEVELS: Final = {0xA: "a", 0xB: "b", 0xC: "rc", 0xF: ""}
_OFF: Final = {"", "0"}

_CYCLES: Final = "https://github.com/python/cpython/issues/148726"
_STOPPED: Final = "https://github.com/python/cpython/issues/128679"
_TRACEMALLOC: Final = "https://docs.python.org/3/library/tracemalloc.html"
_MALLOC: Final = "https://docs.python.org/3/using/cmdline.html#envvar-PYTHONMALLOC"

_SPEAKING: Final = frozenset("bBdEhiIOPqRsSuvVx?")
"""Options of the interpreter that take no value, and may stand together."""


def version(facts: Facts) -> Finding | None:
    """The interpreter and its version."""
    if facts.code is None:
        return None
    python = facts.code.python
    if python is None and facts.code.replaced:
        return note(
            "python",
            f"{facts.code.program}, of which files were replaced or removed since it started",
            "Its version cannot be told: restart the service, so that it runs what is installed.",
        )
    if python is None or python < _LEAST:
        return problem(
            "python",
            f"{facts.code.program} is no CPython 3.11 or newer on a 64-bit machine",
            "Its memory can be watched, but nothing inside it be named: there is no agent for it. If it only starts the "
            "service, give the pid of a worker.",
        )
    text = f"CPython {version_text(python)}"
    if facts.code.free_threaded:
        return problem(
            "python",
            f"{text}, free-threaded",
            "No census is taken of this build, so that containers and types that grow have no names: look for the leak "
            "under the default build.",
        )
    if python in _INCREMENTAL:
        return problem(
            "python",
            text,
            "The incremental collector of 3.14.0 to 3.14.4 leaves garbage in cycles for longer, which looks like a leak "
            "and has ended services: move to 3.14.5 or newer before you look for one.",
            _CYCLES,
        )
    return fine("python", text)


def stopping(facts: Facts) -> Finding | None:
    """Versions that may crash where tracemalloc is stopped."""
    python = facts.code.python if facts.code else None
    if python is None or not any(python in race for race in _RACES):
        return None
    return note(
        "tracemalloc.stop()",
        f"may crash CPython {version_text(python)} while threads of native code allocate",
        "floodmark's trace windows step around it; tracemalloc.stop() in your own code does not. Fixed in 3.12.9 and 3.13.2; not in 3.11.",
        _STOPPED,
    )


def tracing(facts: Facts) -> Finding | None:
    """Allocations that are traced from the start."""
    if facts.environ is None:
        return None
    options = interpreter_options(facts.words)
    asked = facts.environ.get("PYTHONTRACEMALLOC", "") if not _ignores_environment(options) else ""
    how = f"PYTHONTRACEMALLOC={asked}" if asked not in _OFF else ""
    how = next((f"-X {option}" for option in options if option.partition("=")[0] == "tracemalloc"), how)
    if not how:
        return None
    return problem(
        "tracemalloc",
        f"on from the start, by {how}",
        "Its tables grow with the heap and are measured as part of it, and no trace window can be opened: start the "
        "service without; floodmark traces for seconds, when asked.",
        _TRACEMALLOC,
    )


def objects(facts: Facts) -> Finding | None:
    """Where Python's own objects are allocated."""
    if facts.environ is None:
        return None
    options = interpreter_options(facts.words)
    heeded = {} if _ignores_environment(options) else facts.environ
    chosen = heeded.get("PYTHONMALLOC", "")
    if not chosen and ("dev" in options or heeded.get("PYTHONDEVMODE")):
        chosen = "debug (development mode)"
    if not chosen or chosen in {"default", "pymalloc"}:
        return None
    if "debug" in chosen:
        return note(
            "PYTHONMALLOC",
            chosen,
            "Every block is larger and slower than in production: sizes and rates measured here are not its. Unset it to "
            "measure.",
            _MALLOC,
        )
    return note(
        "PYTHONMALLOC",
        chosen,
        f"Python's small objects come from {'malloc' if chosen == 'malloc' else chosen} too, so that what it keeps and "
        "what your objects hold are harder to tell apart: unset it, unless a tool needs it.",
        _MALLOC,
    )


def agent(facts: Facts) -> Finding | None:
    """What keeps the agent out of the process."""
    if facts.environ is None or facts.code is None or facts.code.python is None:
        return None
    if facts.environ.get("FLOODMARK_DISABLED", "") == "1":
        return problem(
            "agent",
            "switched off by FLOODMARK_DISABLED=1",
            "Nothing inside the service is seen: unset it and restart the service.",
        )
    flags = [option for option in interpreter_options(facts.words) if option in {"I", "S", "E"}]
    if flags:
        return note(
            "agent",
            f"not loaded by itself into an interpreter that is started with -{flags[0]}",
            "Call floodmark_sidecar.agent.start() in the service's code, or start it without this option.",
        )
    return None


def version_text(python: int) -> str:
    """Return a version as people write it: `3.14.0rc2`."""
    level, serial = python >> 4 & 0xF, python & 0xF
    text = f"{python >> 24}.{python >> 16 & 0xFF}.{python >> 8 & 0xFF}"
    return f"{text}{_LEVELS.get(level, '?')}{serial}" if level != 0xF else text


def interpreter_options(words: tuple[str, ...]) -> list[str]:
    """Return the interpreter's own options on a command line, letters one by one and values of -X as they are."""
    found: list[str] = []
    rest = iter(words[1:] if words and words[0].rpartition("/")[2].startswith("python") else ())
    for word in rest:
        if len(word) < 2 or not word.startswith("-") or word.startswith("--"):
            break
        for place, letter in enumerate(word[1:], start=2):
            if letter in _SPEAKING:
                found.append(letter)
                continue
            if letter in "XW":
                value = word[place:] or next(rest, "")
                found += [value] if letter == "X" else []
                break
            return found
    return found


def _ignores_environment(options: list[str]) -> bool:
    return "E" in options or "I" in options
