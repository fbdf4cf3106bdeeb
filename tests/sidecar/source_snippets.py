"""Ways to make a container that users write, for the source locator: the owner's qualified name, its attribute, the text."""

# Each snippet marks the line that must be found with `# here`.
SNIPPETS = {
    "instance attribute": (
        "Scheduler",
        "locks",
        """
        class Scheduler:
            def __init__(self):
                self.locks = {}  # here
        """,
    ),
    "annotated instance attribute": (
        "Scheduler",
        "locks",
        """
        class Scheduler:
            def __init__(self):
                self.locks: dict[str, object] = {}  # here
        """,
    ),
    "the constructor before other methods": (
        "Scheduler",
        "locks",
        """
        class Scheduler:
            def reset(self):
                self.locks = {}
            def __init__(self):
                self.locks = {}  # here
        """,
    ),
    "the method that makes it before the constructor that only announces it": (
        "Scheduler",
        "locks",
        """
        class Scheduler:
            locks: dict | None = None
            def __init__(self):
                self.locks = None
            def start(self):
                self.locks = {}  # here
        """,
    ),
    "an attribute that is only announced": (
        "Scheduler",
        "locks",
        """
        class Scheduler:
            def __init__(self):
                self.locks = None  # here
        """,
    ),
    "assigned within a branch": (
        "Scheduler",
        "locks",
        """
        class Scheduler:
            def __init__(self, shared=None):
                try:
                    if shared is None:
                        self.locks = {}  # here
                finally:
                    pass
        """,
    ),
    "self by another name": (
        "Scheduler",
        "locks",
        """
        class Scheduler:
            def __init__(this):
                this.locks = {}  # here
        """,
    ),
    "assigned in a helper inside a method": (
        "Scheduler",
        "locks",
        """
        class Scheduler:
            def start(self):
                def prepare():
                    self.locks = {}  # here
                prepare()
        """,
    ),
    "a parameter that only looks like self": (
        "Scheduler",
        "locks",
        """
        class Scheduler:
            locks = {}  # here
            @staticmethod
            def __init_other__(self):
                self.locks = {}
            def method(self):
                def inner(self):
                    self.locks = {}
        """,
    ),
    "module global": ("", "SEEN", "import os\nSEEN = {}  # here\n"),
    "final module global": ("", "SEEN", "from typing import Final\nSEEN: Final = {}  # here\n"),
    "global in a branch": ("", "SEEN", "try:\n    SEEN = {}  # here\nexcept Exception:\n    SEEN = []\n"),
    "class body": ("Cache", "entries", "class Cache:\n    entries = {}  # here\n"),
    "dataclass field": (
        "Cache",
        "entries",
        """
        from dataclasses import dataclass, field
        @dataclass
        class Cache:
            size: int
            entries: dict[str, int] = field(default_factory=dict)  # here
        """,
    ),
    "dataclass field without a default": (
        "Cache",
        "entries",
        """
        @dataclass
        class Cache:
            entries: dict[str, int]  # here
        """,
    ),
    "class attribute through cls": (
        "Cache",
        "entries",
        """
        class Cache:
            @classmethod
            def prepare(cls):
                cls.entries = {}  # here
        """,
    ),
    "class attribute through type(self)": (
        "Cache",
        "entries",
        """
        class Cache:
            def prepare(self):
                type(self).entries = {}  # here
        """,
    ),
    "class attribute through self.__class__": (
        "Cache",
        "entries",
        """
        class Cache:
            def prepare(self):
                self.__class__.entries = {}  # here
        """,
    ),
    "class attribute from outside": (
        "Cache",
        "entries",
        """
        class Cache:
            pass
        Cache.entries = {}  # here
        """,
    ),
    "global made by a function": (
        "",
        "SEEN",
        """
        def prepare():
            global SEEN
            SEEN = {}  # here
        """,
    ),
    "global announced by the module and made by a function": (
        "",
        "SEEN",
        """
        SEEN = None
        def prepare():
            if True:
                global SEEN
                SEEN = {}  # here
        """,
    ),
    "a local of the same name is not the global": (
        "",
        "SEEN",
        """
        def prepare():
            SEEN = {}
        SEEN = {}  # here
        """,
    ),
    "tuple target": ("", "b", "a, (b, *c) = {}, ({}, {})  # here\n"),
    "starred target": ("", "c", "a, (b, *c) = {}, ({}, {})  # here\n"),
    "chained targets": ("", "b", "a = b = {}  # here\n"),
    "attribute in a tuple target": (
        "Pair",
        "right",
        """
        class Pair:
            def __init__(self):
                (self.left,
                 self.right) = {}, {}  # here
        """,
    ),
    "walrus": ("", "seen", "if (seen := {}) is not None:  # here\n    pass\n"),
    "with target": ("", "shelf", "with open('x') as shelf:  # here\n    pass\n"),
    "loop target": ("", "bucket", "for bucket in ({}, {}):  # here\n    pass\n"),
    "closure variable": (
        "make.<locals>",
        "seen",
        """
        def make():
            seen = {}  # here
            def handler(path):
                seen[path] = 1
            return handler
        """,
    ),
    "closure variable by the function that closes over it": (
        "make.<locals>.handler",
        "seen",
        """
        def make():
            seen = {}  # here
            def handler(path):
                seen[path] = 1
            return handler
        """,
    ),
    "closure variable of a method": (
        "App.make.<locals>",
        "seen",
        """
        class App:
            def make(self):
                seen = {}  # here
                return lambda path: seen.setdefault(path, 1)
        """,
    ),
    "closure variable renewed through nonlocal": (
        "make.<locals>",
        "seen",
        """
        def make():
            seen = None
            def renew():
                nonlocal seen
                seen = {}  # here
        """,
    ),
    "closure variable of an async function": (
        "make.<locals>",
        "seen",
        """
        async def make():
            async with lock() as seen:  # here
                async for one in seen:
                    pass
        """,
    ),
    "class inside a function": (
        "make.<locals>.Local",
        "seen",
        """
        def make():
            class Local:
                def __init__(self):
                    self.seen = {}  # here
        """,
    ),
    "nested class": (
        "Outer.Inner",
        "seen",
        """
        class Outer:
            seen = []
            class Inner:
                def __init__(self):
                    self.seen = {}  # here
        """,
    ),
    "mutable default": ("remember", "seen", "def remember(path, seen={}):  # here\n    seen[path] = 1\n"),
    "keyword-only mutable default": ("remember", "seen", "def remember(path, *, seen={}):  # here\n    pass\n"),
    "function attribute": ("remember", "seen", "def remember(path): ...\nremember.seen = {}  # here\n"),
    "cached function": (
        "",
        "compute",
        "import functools\n@functools.lru_cache\ndef compute(x):  # here\n    return x\n",
    ),
    "inherited attribute": (
        "Child",
        "locks",
        """
        class Base:
            def __init__(self):
                self.locks = {}  # here
        class Middle(Base): ...
        class Child(Middle): ...
        """,
    ),
    "attribute inherited from a generic base": (
        "Child",
        "locks",
        """
        class Base(Generic[T]):
            def __init__(self):
                self.locks = {}  # here
        class Child(Base[int]): ...
        """,
    ),
    "private attribute as written": (
        "Scheduler",
        "__locks",
        """
        class Scheduler:
            def __init__(self):
                self.__locks = {}  # here
        """,
    ),
    "private attribute as instances carry it": (
        "Scheduler",
        "_Scheduler__locks",
        """
        class Scheduler:
            def __init__(self):
                self.__locks = {}  # here
        """,
    ),
    "frozen class": (
        "Cache",
        "entries",
        """
        @dataclass(frozen=True)
        class Cache:
            def __post_init__(self):
                object.__setattr__(self, "entries", {})  # here
        """,
    ),
    "setattr": (
        "Cache",
        "entries",
        """
        class Cache:
            def __init__(self):
                setattr(self, "entries", {})  # here
        """,
    ),
    "imported name": ("", "entries", "from elsewhere import stuff as entries  # here\n"),
}

NOT_FOUND: dict[str, tuple[str, str, str | bytes]] = {
    "another class's attribute": ("Other", "locks", "class A:\n    def __init__(self):\n        self.locks = {}\n"),
    "items are not containers": ("", "SEEN", "SEEN['x'] = {}\n"),
    "attribute of something else": ("A", "x", "class A:\n    def __init__(self, other):\n        other.x = {}\n"),
    "bases in a circle": ("A", "x", "class A(B): ...\nclass B(A): ...\n"),
    "syntax error": ("", "SEEN", "SEEN = {\n"),
    "null bytes": ("", "SEEN", "SEEN = {}\0\n"),
    "another encoding": ("", "SEEN", b"# coding: no-such-encoding\nSEEN = {}\n"),
    "not text": ("", "SEEN", b"SEEN = {}\n\xff\xfe"),
    "nested beyond reason": ("", "SEEN", "SEEN = " + "(" * 5000 + ")" * 5000),
}
