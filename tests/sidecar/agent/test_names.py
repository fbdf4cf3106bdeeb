"""The names containers get, in whole captures of real processes of each supported interpreter."""

from collections.abc import Callable
from typing import Any

from tests.sidecar.agent.conftest import Run

Containers = Callable[..., dict[str, dict[str, Any]]]


def paths(found: dict[str, dict[str, Any]], *names: str) -> list[str]:
    return [found[name]["path"] for name in names]


def test_the_dict_the_collector_does_not_track(containers: Containers, python: str) -> None:
    """`path → time` in an attribute is found and named, with its entries, owner, chain and key shape."""
    found = containers(
        """
        import gc

        class Scheduler:
            def __init__(self):
                self.processed = {f"/in/{number}.jpg": float(number) for number in range(500)}

        class Pipeline:
            def __init__(self):
                self.scheduler = Scheduler()

        PIPELINE = Pipeline()
        assert not gc.is_tracked(PIPELINE.scheduler.processed)
        """,
        python=python,
    )["processed"]
    assert found["path"] == "scenario.Scheduler.processed"
    assert found["chain"] == "scenario.PIPELINE.scheduler.processed"
    assert found["owner"]["module"] == "scenario"
    assert found["owner"]["qualname"] == "Scheduler"
    assert found["owner"]["file"].endswith("/scenario.py")
    assert (found["kind"], found["entries"], found["shape"]) == ("dict", 500, "/in/#.jpg")
    assert 60 < found["entry_bytes"] < 120


def test_every_place_a_container_can_be_written(containers: Containers, python: str) -> None:
    """Globals, class and instance attributes, slots, closures, defaults, function attributes, nested containers."""
    found = containers(
        """
        import collections, threading

        def fill():
            return {number: [number] for number in range(100)}

        module_global = fill()
        a_list, a_set = list(range(100)), set(range(100))
        nested = {"a": {"b": fill()}}

        class Base:
            class_attribute = fill()
            def __init__(self):
                self.of_base = fill()

        class Service(Base):
            def __init__(self):
                super().__init__()
                self.instance_attribute = fill()
                self.a_deque = collections.deque(range(100))
                self.a_default = collections.defaultdict(list, fill())

        class Slotted:
            __slots__ = ("slot",)
            def __init__(self):
                self.slot = fill()

        service, slotted = Service(), Slotted()
        materialised = Service()
        vars(materialised)
        materialised.late = fill()

        def make():
            enclosed = fill()
            return lambda key: enclosed[key]

        view = make()

        def with_default(key, memo=fill()):
            return memo

        def with_attribute():
            pass

        with_attribute.calls = fill()
        """,
        python=python,
    )
    assert paths(found, "module_global", "a_list", "a_set", "nested") == [
        "scenario.module_global",
        "scenario.a_list",
        "scenario.a_set",
        "scenario.nested[…][…]",
    ]
    assert paths(found, "class_attribute", "of_base", "instance_attribute", "a_deque", "a_default", "late") == [
        "scenario.Base.class_attribute",
        "scenario.Base.of_base",
        "scenario.Service.instance_attribute",
        "scenario.Service.a_deque",
        "scenario.Service.a_default",
        "scenario.Service.late",
    ]
    assert paths(found, "slot", "enclosed", "memo", "calls") == [
        "scenario.Slotted.slot",
        "scenario.make.enclosed",
        "scenario.with_default.memo",
        "scenario.with_attribute.calls",
    ]
    assert found["enclosed"]["owner"]["qualname"] == "make"
    names = ("module_global", "class_attribute", "slot", "enclosed", "memo", "calls")
    assert {found[name]["owner"]["file"].rpartition("/")[2] for name in names} == {"scenario.py"}
    assert found["a_default"]["kind"] == "defaultdict"


def test_variables_of_running_code(containers: Containers, python: str) -> None:
    """What only a running function, of any thread, or a suspended coroutine holds is named after the variable."""
    found = containers(
        """
        import threading

        async def consumer():
            in_coroutine = list(range(100))
            await Never()
            return in_coroutine

        class Never:
            def __await__(self):
                yield

        def work(ready):
            in_thread = {number: number for number in range(100)}
            captured_by_inner = {number: [number] for number in range(100)}
            inner = lambda: captured_by_inner
            ready.set()
            threading.Event().wait()

        ready = threading.Event()
        threading.Thread(target=work, args=(ready,), daemon=True).start()
        ready.wait()
        pending = consumer()
        pending.send(None)

        import atexit
        atexit.register(pending.close)
        """,
        python=python,
    )
    assert paths(found, "in_thread", "captured_by_inner", "in_coroutine") == [
        "scenario.work.in_thread",
        "scenario.work.captured_by_inner",
        "scenario.consumer.in_coroutine",
    ]


def test_machinery_is_named_after_what_holds_it(containers: Containers, python: str) -> None:
    """A queue's deque, a cache's dict and a cached function's table carry the name their user wrote."""
    found = containers(
        """
        import collections, functools, queue, weakref

        class Bounded:
            def __init__(self):
                self._data = {number: [number] for number in range(100)}

        Bounded.__module__ = "floodmark_caches._bounded"

        class Thing:
            pass

        things = [Thing() for _ in range(100)]

        class Service:
            def __init__(self):
                self.jobs = queue.Queue()
                for number in range(100):
                    self.jobs.put(number)
                self.move_locks = Bounded()
                self.shards = {"a": Bounded()}
                self.alive = weakref.WeakSet(things)

        @functools.lru_cache(maxsize=None)
        def cached(number):
            return number

        for number in range(100):
            cached(number)

        service = Service()
        """,
        python=python,
    )
    assert paths(found, "jobs", "move_locks", "shards", "alive", "cached") == [
        "scenario.Service.jobs",
        "scenario.Service.move_locks",
        "scenario.Service.shards[…]",
        "scenario.Service.alive",
        "scenario.cached",
    ]


def test_a_library_s_own_attribute_near_the_user_s_name(containers: Containers, tmp_path: Any) -> None:
    """Two attributes of a library away, the user's name is the better one; deeper in, the library's own is."""
    library = tmp_path / "site-packages" / "metrics.py"
    library.parent.mkdir()
    library.write_text(
        "class Counter:\n    def __init__(self):\n        self.children = {n: [n] for n in range(100)}\n"
        "class Box:\n    def __init__(self, inner):\n        self.inner = inner\n"
        "class Deep:\n    def __init__(self):\n        self.far = {n: [n] for n in range(100)}\n"
    )
    found = containers(
        f"""
        import sys
        sys.path.append({str(library.parent)!r})
        import metrics
        REQUESTS = metrics.Counter()
        APP = metrics.Box(metrics.Box(metrics.Box(metrics.Deep())))
        """
    )
    assert paths(found, "REQUESTS", "far") == ["scenario.REQUESTS", "metrics.Deep.far"]
    assert found["far"]["chain"] == "scenario.APP.inner.inner.inner.far"


def test_imported_definitions_go_by_their_own_name(containers: Containers, tmp_path: Any) -> None:
    """What an imported class or function holds is the library's; what a decorator holds is the decorated function's."""
    library = tmp_path / "site-packages" / "tools.py"
    library.parent.mkdir()
    library.write_text(
        "import functools\n"
        "class Registry:\n    known = {n: [n] for n in range(100)}\n"
        "def lookup(): pass\n"
        "lookup.seen = {n: [n] for n in range(100)}\n"
        "def memoise(function):\n    memo = {n: [n] for n in range(100)}\n"
        "    @functools.wraps(function)\n    def wrapper(key):\n        return memo.get(key)\n    return wrapper\n"
    )
    found = containers(
        f"""
        import sys
        sys.path.append({str(library.parent)!r})
        from tools import Registry as R, lookup, memoise
        @memoise
        def view(key):
            pass
        """
    )
    assert paths(found, "known", "seen", "view") == ["tools.Registry.known", "tools.lookup.seen", "scenario.view"]


def test_one_of_many_objects_in_a_large_container(containers: Containers) -> None:
    """The elements of large containers are looked into too, after everything else."""
    found = containers(
        """
        class Session:
            pass

        sessions = {number: Session() for number in range(3000)}
        sessions[1500].history = list(range(2000))
        """
    )
    assert found["history"]["path"] == "scenario.Session.history"
    assert found["history"]["chain"] == "scenario.sessions[…].history"


def test_a_namespace_that_grows(containers: Containers) -> None:
    """Names set on a class without end are found in its namespace."""
    found = containers(
        """
        class Plugin:
            pass

        for number in range(500):
            setattr(Plugin, f"handler_{number}", [number])
        """
    )
    assert found["__dict__"]["path"].endswith(".__dict__")


def test_the_main_module_goes_by_its_name(run: Run, tmp_path: Any) -> None:
    """A module run with `-m` is named as it was asked for."""
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(
        "from floodmark_sidecar.agent import capture\n"
        "orders = {n: [n] for n in range(1000)}\n"
        "assert 'path' in capture.take('/dev/shm/never', service='web', stall_limit=-1) or True\n"
        f"print(capture.take({str(tmp_path / 'c.json')!r}, service='web', stall_limit=10.0).get('refused'))\n"
    )
    out = run(
        "import runpy, sys; sys.path.insert(0, '.'); runpy.run_module('shop', run_name='__main__', alter_sys=True)"
    )
    assert out == "None\n"
    assert '"path":"shop.orders"' in (tmp_path / "c.json").read_text()


def test_hostile_types_do_not_stop_a_capture(containers: Containers, python: str) -> None:
    """Types whose every method raises are counted and named like any other."""
    found = containers(
        """
        def refuse(*_):
            raise AssertionError("asked")

        names = ["__len__", "__hash__", "__eq__", "__sizeof__", "__repr__", "__iter__", "__getattribute__", "__bool__"]
        Meta = type("Meta", (type,), {name: refuse for name in names})
        body = {**dict.fromkeys(names, refuse), "__class__": property(refuse), "__dict__": property(refuse)}
        Hostile = type.__call__(Meta, "Hostile", (dict,), body)
        hostile = dict.__new__(Hostile)
        for number in range(100):
            dict.__setitem__(hostile, number, [number])
        holder = object.__new__(type.__call__(Meta, "Holder", (), {**body, "__slots__": ("inside", "__dict__")}))
        object.__setattr__(holder, "inside", list(range(100)))
        """,
        python=python,
    )
    assert paths(found, "hostile", "inside") == ["scenario.hostile", "scenario.Holder.inside"]


def test_what_asyncio_has_freed(containers: Containers, python: str) -> None:
    """A service that has awaited many futures at once is captured: asyncio of 3.12 shows the collector freed objects."""
    found = containers(
        """
        import asyncio

        async def wait(future):
            await future

        async def main():
            loop = asyncio.get_running_loop()
            futures = [loop.create_future() for _ in range(50)]
            waiting = [loop.create_task(wait(future)) for future in futures]
            await asyncio.sleep(0)
            for future in futures:
                future.set_result(None)
            await asyncio.gather(*waiting)

        asyncio.run(main())
        held = list(range(1000))
        """,
        python=python,
    )
    assert found["held"]["entries"] == 1000


def test_what_machinery_holds_says_what_of_the_users_is_in_it(containers: Containers, python: str) -> None:
    """A class of the user's that the entries hold, else a function; what the user holds needs no such word."""
    found = containers(
        """
        import atexit, sys, weakref

        class Receipt:
            pass

        def archive(*_):
            pass

        class Desk:
            pass

        desk = Desk()
        own = [Receipt() for _ in range(100)]
        for number in range(100):
            weakref.finalize(desk, archive, [Receipt()]).atexit = False
        sys.handlers = [lambda: archive for _ in range(100)]
        sys.numbers = list(range(100))
        alive = [Receipt() for _ in range(100)]
        sys.weak = [weakref.ref(each) for each in alive]
        """,
        python=python,
    )
    of = {name: found[name]["of"] and found[name]["of"]["attribute"] for name in found}
    assert (of["_registry"], of["handlers"], of["weak"], of["numbers"]) == ("Receipt", "<lambda>", "Receipt", None)
    assert of["own"] is None
    assert found["_registry"]["of"]["file"].endswith("/scenario.py")
