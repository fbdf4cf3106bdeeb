"""The sidecar over HTTP: JSON API, metrics, health and the page."""

from floodmark_sidecar.http._app import create_app
from floodmark_sidecar.http._server import HttpServer, bind, is_loopback, url
from floodmark_sidecar.http._state import State

__all__ = ["HttpServer", "State", "bind", "create_app", "is_loopback", "url"]
