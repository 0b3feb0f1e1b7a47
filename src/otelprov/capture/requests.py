# SPDX-License-Identifier: Apache-2.0
"""One HTTP request as a step: what every web framework's instrumentor says about it, said once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otelprov.capture.steps import SERVER, Step, begin_step, type_name
from otelprov.semconv import (
    HTTP_REQUEST_METHOD,
    HTTP_RESPONSE_STATUS_CODE,
    HTTP_ROUTE,
    PROVENANCE_STEP_TYPE_REQUEST,
    URL_PATH,
)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"})
_OTHER = "_OTHER"
# Paths come from strangers.
_MAX_PATH = 2048


class Request:
    """A request being answered; `status` (0 unknown), `route` (a template) and `error` are filled in on the way."""

    __slots__ = ("_verb", "error", "key", "route", "status", "step")

    def __init__(self, step: Step, verb: str, key: Any) -> None:
        self.step = step
        self.key = key
        self.status = 0
        self.route = ""
        self.error = ""
        self._verb = verb

    @property
    def open(self) -> bool:
        """Whether the request is still being answered."""
        return not self.step.finished

    def end(self, error: BaseException | None = None) -> None:
        """Emit the step, once; `error` is an exception that the program let out of its application."""
        if not self.open:
            return
        # Tasks that the request has left behind must not keep it in memory.
        self.key = None
        step = self.step
        if self.route:
            step.name = f"{self._verb} {self.route}"
            step.attributes[HTTP_ROUTE] = self.route
        if self.status:
            step.attributes[HTTP_RESPONSE_STATUS_CODE] = self.status
        if error is not None:
            step.fail(type_name(error))
        elif self.status >= 500:
            step.fail(self.error or str(self.status))
        step.finish()


def begin_request(
    method: str, path: str, headers: Mapping[str, str], *, key: Any, scope: str, websocket: bool = False
) -> Request | None:
    """A request that has begun; None where nothing is being recorded.

    `headers` are those of `carrier_fields`, in lower case. `key` is the object that tells this request from others
    while it is open. The path is that of the URL, without its query.
    """
    known = method if method in _METHODS else _OTHER
    verb = "WEBSOCKET" if websocket else "HTTP" if known == _OTHER else known
    step = begin_step(
        verb,
        PROVENANCE_STEP_TYPE_REQUEST,
        new_trace=True,
        carrier=headers,
        attributes={HTTP_REQUEST_METHOD: known, URL_PATH: path[:_MAX_PATH]},
        scope=scope,
        span_kind=SERVER,
    )
    return None if step is None else Request(step, verb, key)
