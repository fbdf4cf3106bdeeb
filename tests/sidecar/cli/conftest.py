"""A sidecar in this process and one in a process of its own, as the tests of its parts have them."""

from tests.sidecar.http.conftest import ending, leaking, make_site, site
from tests.sidecar.serve.conftest import connect, folder, serve, spawn

__all__ = ["connect", "ending", "folder", "leaking", "make_site", "serve", "site", "spawn"]
