"""The lines to paste of a fix. Pure."""

from typing import Final

_USE: Final = {
    "KeyedLocks": "# with {variable}.hold(key, timeout=5): …    the lock of a key is dropped with its last holder",
    "AsyncKeyedLocks": "# async with {variable}.hold(key, timeout=5): …    the lock of a key is dropped with its last holder",
    "SeenSet": "# if {variable}.add(key): …    the key was new, and is remembered from here on",
    "PendingSet": "# with {variable}.claim(key) as claim:    None if somebody has it; released at the end, or after the ttl\n"
    "#     if claim: …",
    "BoundedMap": "# {variable}[key], {variable}.get(key) and {variable}[key] = value as before;"
    " {variable}.get_or_create(key, load) loads a value once",
    "deque": "# the oldest go; where none may be lost, queue.Queue({maxsize}) makes who puts wait",
}

_FLAGS: Final = [
    "# if they are flags that are taken back when work ends, a PendingSet with the same arguments is for that"
]
_VALUES: Final = "# if the values are read, a BoundedMap with the same arguments keeps them"
_OTHERS: Final = {"bool": _FLAGS, "NoneType": []}


def code(
    class_name: str,
    *,
    variable: str,
    name: str,
    place: str,
    maxsize: int | None,
    ttl: float | None,
    values: str | None,
    cached: bool,
    watched: bool,
) -> str:
    """Return lines that make a *class_name* under *variable*, and say in comments how it is used; they run as they are.

    *name* is the Python literal of the name it is published under, *place* what it takes the place of. That may have had
    *values* of a type, be what is *cached* of a function of that name, and be *watched* under the name, by
    `registry.watch`.
    """
    bound = "" if maxsize is None else f"{maxsize:_}"
    if class_name == "deque":
        lines = [
            "from collections import deque",
            "",
            "from floodmark_caches import registry",
            "",
            f"# in place of {place}:",
            f"{variable} = deque(maxlen={bound})",
            f"registry.watch({name}, {variable})",
        ]
    else:
        arguments = [name]
        arguments += [] if maxsize is None else [f"maxsize={bound}"]
        arguments += [] if ttl is None else [f"ttl={ttl:.0f}"]
        arguments += [] if maxsize is None else ["warn_at=0.9"]
        lines = (
            _decorated(variable, place, arguments)
            if cached
            else [
                f"from floodmark_caches import {class_name}",
                "",
                f"# in place of {place}:",
                f"{variable} = {class_name}({', '.join(arguments)})",
            ]
        )
    if not cached:
        lines.append(_USE[class_name].format(variable=variable, maxsize=bound))
    if class_name == "SeenSet" and values is not None:
        lines += _OTHERS.get(values, [_VALUES])
    if watched:
        lines.append(f"# the registry.watch({name}, …) that there was goes: a name is used once")
    return "\n".join(lines)


def _decorated(function: str, place: str, arguments: list[str]) -> list[str]:
    return [
        "from cachetools import cached",
        "",
        "from floodmark_caches import BoundedMap",
        "",
        "",
        f"# in place of functools.lru_cache on {place}; the function itself stays:",
        f"@cached(BoundedMap({', '.join(arguments)}))",
        f"def {function}(*args, **kwargs): ...",
        "# the entries of a method hold its objects, for as long as they are there themselves",
    ]
