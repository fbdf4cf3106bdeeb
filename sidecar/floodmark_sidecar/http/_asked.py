"""What every endpoint of the API asks first: the sidecar's state, and which service is meant."""

from typing import Annotated, Final

from fastapi import HTTPException, Query, Request

from floodmark_sidecar.http._state import State
from floodmark_sidecar.store import Reader

MAX_POINTS: Final = 600
"""The most instants, rows or events of one answer."""

Service = Annotated[str | None, Query(description="which service; may be left out when there is only one")]


def state_of(request: Request) -> State:
    """Return the state that the application was made over."""
    state: State = request.app.state.floodmark
    return state


def named(request: Request, service: str | None) -> str:
    """Return the service that is asked for; an answer of 404 or 400 where it is not known which."""
    with state_of(request).reader() as reader:
        return chosen(reader, service)


def chosen(reader: Reader, service: str | None) -> str:
    """Return the one of the services of *reader* that is asked for, as `named` does."""
    known = reader.services()
    if service is None and len(known) == 1:
        return known[0]
    if service in known and service is not None:
        return service
    names = ", ".join(known) or "none yet"
    if service is None:
        raise HTTPException(400 if known else 404, f"service is missing; services with history: {names}")
    raise HTTPException(404, f"there is no service {service!r:.80}; services with history: {names}")
