"""The sidecar over HTTP: JSON API, metrics, health and the page."""

from floodmark_sidecar.http._app import create_app
from floodmark_sidecar.http._assessments import Assessments
from floodmark_sidecar.http._server import HttpServer, bind, is_loopback, url
from floodmark_sidecar.http._state import State

__all__ = ["Assessments", "HttpServer", "State", "bind", "create_app", "is_loopback", "url"]
