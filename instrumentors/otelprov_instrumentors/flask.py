# SPDX-License-Identifier: Apache-2.0
"""Flask: each request is a step with a trace of its own, which ends when the server has closed the response."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

from otelprov.capture.guard import guard
from otelprov.capture.requests import Request, begin_request
from otelprov.capture.steps import carrier_fields, function_attributes, type_name
from otelprov.instrumentation import Call, Instrumentor, Patch

_current: ContextVar[Request | None] = ContextVar("otelprov_flask_request", default=None)


class _Body:
    """A response body as the program made it, produced inside the request's step."""

    __slots__ = ("_body", "_error", "_iterator", "_request")

    def __init__(self, body: Iterable[bytes], request: Request) -> None:
        self._body = body
        self._request = request
        self._iterator: Iterator[bytes] | None = None
        self._error: BaseException | None = None

    def __iter__(self) -> _Body:
        self._iterator = self._within(iter, self._body)
        return self

    def __next__(self) -> bytes:
        if self._iterator is None:
            self.__iter__()
        try:
            return self._within(next, self._iterator)  # type: ignore[no-any-return]
        except StopIteration:
            raise
        except BaseException as error:
            self._error = error
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)

    def close(self) -> None:
        """Close the program's body and end the step."""
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                self._within(close)
        except BaseException as error:
            self._error = error
            raise
        finally:
            self._end()

    def __del__(self) -> None:
        # For callers that never close.
        self._end()

    def _within(self, function: Callable[..., Any], *args: Any) -> Any:
        step = self._request.step
        step.attach()
        try:
            return function(*args)
        finally:
            step.detach()

    def _end(self) -> None:
        error, self._error = self._error, None
        with guard("ending a request"):
            self._request.end(error)


def _answer(call: Call) -> Generator[None, Any, None]:
    environ, start_response = call.argument("environ", 1), call.argument("start_response", 2)
    outer = _current.get()
    if not isinstance(environ, dict) or (outer is not None and outer.key is environ):
        return
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    method = environ.get("REQUEST_METHOD", "")
    request = begin_request(method, path, _headers(environ), key=environ, scope=call.scope)
    if request is None:
        return
    _replace_start_response(call, _watching(start_response, request))
    token = _current.set(request)
    request.step.attach()
    result: Any = None
    try:
        result = yield
    finally:
        request.step.detach()
        _current.reset(token)
        if _is_complete(result, environ):
            request.end(call.error)
        else:
            call.result = _Body(result, request)


def _is_complete(result: Any, environ: Mapping[str, Any]) -> bool:
    """Whether nothing of the program's runs any more; servers know lists and their file wrapper by type."""
    if result is None or isinstance(result, (list, tuple, bytes)):
        return True
    wrapper = environ.get("wsgi.file_wrapper")
    return isinstance(wrapper, type) and isinstance(result, wrapper)


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    found = {field: environ.get("HTTP_" + field.upper().replace("-", "_")) for field in carrier_fields()}
    # WSGI gives the bytes of a header as Latin-1 text.
    return {field: value for field, value in found.items() if isinstance(value, str)}


def _replace_start_response(call: Call, start_response: Callable[..., Any]) -> None:
    if "start_response" in call.kwargs:
        call.kwargs = {**call.kwargs, "start_response": start_response}
    else:
        call.args = (*call.args[:2], start_response, *call.args[3:])


def _watching(start_response: Callable[..., Any], request: Request) -> Callable[..., Any]:
    def watching(*args: Any, **kwargs: Any) -> Any:
        with guard("looking at a response"):
            request.status = int((args[0] if args else kwargs["status"])[:3])
        return start_response(*args, **kwargs)

    return watching


def _dispatch(call: Call) -> Generator[None, Any, None]:
    request = _current.get()
    if request is None or request.key is None:
        return
    environ = request.key
    routed = environ.get("werkzeug.request")
    rule = getattr(routed, "url_rule", None)
    if rule is not None:
        request.route = environ.get("SCRIPT_NAME", "").rstrip("/") + str(rule.rule)
        request.step.attributes |= function_attributes(call.instance.view_functions.get(rule.endpoint))
    try:
        yield
    finally:
        if call.error is not None:
            # Flask makes a response of it, so nobody above sees it any more.
            request.error = type_name(call.error)


class FlaskInstrumentor(Instrumentor):
    """Makes each request to a Flask application a step, streamed responses included."""

    library = "flask"
    distribution = "flask"
    versions = ">=2.2,<4"
    patches = (
        Patch("flask.app", "Flask.__call__", _answer, transparent=True),
        Patch("flask.app", "Flask.full_dispatch_request", _dispatch, transparent=True),
    )
