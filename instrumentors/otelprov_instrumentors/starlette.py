# SPDX-License-Identifier: Apache-2.0
"""Starlette and FastAPI: each request, and each websocket, is a step with a trace of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextvars import ContextVar
from typing import Any

from otelprov.capture.guard import guard
from otelprov.capture.requests import Request, begin_request
from otelprov.capture.steps import carrier_fields, function_attributes
from otelprov.instrumentation import Call, Instrumentor, Patch

Send = Callable[[Any], Awaitable[None]]

_WEBSOCKET = "websocket"
_SWITCHING_PROTOCOLS = 101
# The request that is being answered, and the routes and mounts that it has passed.
_current: ContextVar[tuple[Request, list[Any]] | None] = ContextVar("otelprov_starlette_request", default=None)


def _answer(call: Call) -> Generator[None, Any, None]:
    scope, send = call.argument("scope", 1), call.argument("send", 3)
    if not isinstance(scope, dict) or scope.get("type") not in ("http", _WEBSOCKET) or _is_within(scope):
        return
    websocket = scope["type"] == _WEBSOCKET
    # A websocket begins as a GET, which ASGI doesn't say.
    method, path = scope.get("method", "GET"), scope.get("path", "")
    request = begin_request(method, path, _headers(scope), key=scope, scope=call.scope, websocket=websocket)
    if request is None:
        return
    _replace_send(call, _watching(send, request))
    root = scope.get("root_path", "").rstrip("/")
    passed: list[Any] = []
    token = _current.set((request, passed))
    request.step.attach()
    try:
        yield
    finally:
        request.step.detach()
        # Another context when the garbage collector ends a request that was given up.
        with contextlib.suppress(ValueError):
            _current.reset(token)
        template = _template(scope, passed)
        if template:
            request.route = (root if path.startswith(root) else "") + template
        request.step.attributes |= function_attributes(scope.get("endpoint"))
        error = call.error
        if websocket and type(error).__name__ == "WebSocketDisconnect":
            error = None
        request.end(error)


def _is_within(scope: dict[str, Any]) -> bool:
    """Whether this is a mounted application, inside a request that is known already."""
    outer = _current.get()
    return outer is not None and outer[0].open and (outer[0].key is scope or "app" in scope)


def _headers(scope: Mapping[str, Any]) -> dict[str, str]:
    wanted = carrier_fields()
    found: dict[str, str] = {}
    for name, value in scope.get("headers", ()):
        key = name.decode("latin-1").lower()
        if key in wanted:
            text = value.decode("latin-1")
            found[key] = f"{found[key]},{text}" if key in found else text
    return found


def _replace_send(call: Call, send: Send) -> None:
    if "send" in call.kwargs:
        call.kwargs = {**call.kwargs, "send": send}
    else:
        call.args = (*call.args[:3], send, *call.args[4:])


def _watching(send: Send, request: Request) -> Send:
    async def watching(message: Any) -> None:
        with guard("looking at a response"):
            kind = message["type"]
            if kind in ("http.response.start", "websocket.http.response.start"):
                request.status = int(message["status"])
            elif kind == "websocket.accept":
                request.status = _SWITCHING_PROTOCOLS
        await send(message)

    return watching


def _template(scope: Mapping[str, Any], passed: list[Any]) -> str:
    """The path template of the route that was taken, below all mounts; empty where none was."""
    last = passed[-1] if passed else None
    # Which routes the scope names differs between versions, and a middleware may have copied it; only mounts have
    # routes of their own, and FastAPI doesn't let what is below an included router pass.
    route = last if last is not None and not hasattr(last, "routes") else scope.get("route") or last
    if route is None:
        return ""
    prefix = "".join(str(getattr(mount, "path", "")) for mount in passed if mount is not route)
    return prefix + (_included_path(scope, route) or str(getattr(route, "path_format", "")))


def _included_path(scope: Mapping[str, Any], route: Any) -> str:
    # FastAPI keeps a route as it was written, and the prefix of the routers that include it beside it.
    fastapi = scope.get("fastapi")
    context = fastapi.get("effective_route_context") if isinstance(fastapi, dict) else None
    if context is None or getattr(context, "original_route", None) is not route:
        return ""
    effective = getattr(context, "starlette_route", None) or context
    return str(getattr(effective, "path_format", ""))


def _pass(call: Call) -> Generator[None, Any, None]:
    current = _current.get()
    if current is not None and current[0].open:
        current[1].append(call.instance)
    # Nothing to wait for: a generator all the same.
    yield from ()


class StarletteInstrumentor(Instrumentor):
    """Makes each request to a Starlette or FastAPI application a step, background tasks and streams included.

    FastAPI's own telemetry begins its span before it calls Starlette: there the step is a child of that span.
    """

    library = "starlette"
    distribution = "starlette"
    versions = ">=0.37,<2"
    patches = (
        Patch("starlette.applications", "Starlette.__call__", _answer, transparent=True),
        Patch("starlette.routing", "Mount.handle", _pass, transparent=True),
        Patch("starlette.routing", "Route.handle", _pass, transparent=True),
        Patch("starlette.routing", "WebSocketRoute.handle", _pass, transparent=True),
    )
