"""Small kernel files read whole, without the weight of `pathlib`, whose import a service may not have paid for."""

import os


def read(path: str) -> str:
    """Return the text of a file of /proc or a cgroup; raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(fd, 1 << 16):
            parts.append(part)
    finally:
        os.close(fd)
    return b"".join(parts).decode(errors="replace")


def fields(path: str) -> dict[str, int]:
    """Return `name: 123 kB` or `name 123` lines as whole numbers, kilobytes as bytes; raises OSError."""
    found = {}
    for line in read(path).splitlines():
        words = line.replace(":", " ").split()
        if len(words) >= 2 and words[1].isdigit():
            found[words[0]] = int(words[1]) * (1024 if words[2:] == ["kB"] else 1)
    return found
