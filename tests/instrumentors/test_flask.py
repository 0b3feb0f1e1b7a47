# SPDX-License-Identifier: Apache-2.0
"""Requests to Flask applications as steps."""

from __future__ import annotations

import gc
import io
import threading
import time
from collections.abc import Iterator
from typing import Any
from wsgiref.util import FileWrapper, setup_testing_defaults

import flask
import pytest
from flask import Flask, Response
from instrumented import recording_with
from opentelemetry import trace
from opentelemetry.instrumentation.flask import FlaskInstrumentor as OtherFlaskInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from request_steps import SERVER, only_step, steps, touch
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from otelprov.capture.recorder import current
from otelprov.semconv import names
from otelprov.testing import Recorded
from otelprov_instrumentors.flask import FlaskInstrumentor


@pytest.fixture
def recorded(tmp_path) -> Iterator[Recorded]:
    with recording_with(tmp_path / "home", FlaskInstrumentor) as found:
        yield found


def call(app: Any, path: str, **environ: Any) -> tuple[str, Any]:
    """Call a WSGI application as a server does; its status and its body, not read and not closed."""
    path, _, query = path.partition("?")
    environ = {"PATH_INFO": path, "QUERY_STRING": query, **environ}
    setup_testing_defaults(environ)
    answered: list[str] = []
    body = app(environ, lambda status, headers, exc_info=None: answered.append(status) or io.BytesIO().write)
    return answered[0], body


def get(app: Any, path: str, **environ: Any) -> tuple[str, bytes]:
    status, body = call(app, path, **environ)
    try:
        return status, b"".join(body)
    finally:
        getattr(body, "close", lambda: None)()


def test_a_request_is_a_step_with_a_trace_of_its_own(recorded):
    app = Flask("shop")

    @app.get("/items/<int:item>")
    def show(item: int) -> dict[str, int]:
        touch("seen")
        return {"item": item}

    assert get(app, "/items/7?token=secret") == ("200 OK", b'{"item":7}\n')
    step, run = only_step(recorded), current().run
    assert step.name == "GET /items/<int:item>"
    assert (step.kind, step.parent_id, step.status) == (SERVER, "", 0)
    assert [(link.trace_id, link.span_id) for link in step.links] == [(f"{run.trace_id:032x}", f"{run.span_id:016x}")]
    wanted = {
        names.PROVENANCE_STEP_TYPE: "request",
        names.HTTP_REQUEST_METHOD: "GET",
        names.HTTP_ROUTE: "/items/<int:item>",
        names.URL_PATH: "/items/7",
        names.HTTP_RESPONSE_STATUS_CODE: 200,
        names.CODE_FUNCTION_NAME: show.__qualname__,
    }
    assert {key: step.attributes.get(key) for key in wanted} == wanted
    assert "secret" not in str(step)
    [seen] = recorded.io()
    assert (seen.trace_id, seen.parent_id) == (step.trace_id, step.span_id)
    assert seen.attributes[names.PROVENANCE_STEP_ID] == step.span_id


def test_a_request_continues_the_trace_of_its_caller(recorded):
    get(Flask("shop"), "/", HTTP_TRACEPARENT=f"00-{'a' * 32}-{'b' * 16}-00")
    step = only_step(recorded)
    assert (step.trace_id, step.parent_id) == ("a" * 32, "b" * 16)


def streaming_app(log: list[str]) -> Flask:
    app = Flask("shop")

    @app.get("/stream")
    def stream() -> Response:
        def parts() -> Iterator[str]:
            for part in "ab":
                log.append(part)
                touch(part)
                yield part

        response = Response(parts())
        response.call_on_close(lambda: (log.append("closed"), touch("closed")))
        return response

    return app


def test_a_stream_stays_lazy_and_belongs_to_the_request(recorded):
    log: list[str] = []
    _status, body = call(streaming_app(log), "/stream")
    assert log == []
    parts = iter(body)
    assert next(parts) == b"a"
    assert log == ["a"]
    touch("between")
    assert next(parts) == b"b"
    assert list(parts) == []
    assert steps(recorded) == []
    body.close()
    assert log == ["a", "b", "closed"]
    step = only_step(recorded)
    steps_of = {span.name: span.attributes.get(names.PROVENANCE_STEP_ID) for span in recorded.io()}
    assert steps_of == {
        "write a": step.span_id,
        "write b": step.span_id,
        "write between": None,
        "write closed": step.span_id,
    }


def test_a_stream_that_nobody_closes_ends_with_its_garbage(recorded):
    _status, body = call(streaming_app([]), "/stream")
    next(iter(body))
    del body
    gc.collect()
    assert only_step(recorded).name == "GET /stream"


def test_a_stream_that_fails_passes_its_exception(recorded):
    app, wrong = Flask("shop"), OSError("disk of customer 7")

    @app.get("/")
    def stream() -> Response:
        def parts() -> Iterator[str]:
            yield "a"
            raise wrong

        return Response(parts())

    with pytest.raises(OSError, match="customer 7") as caught:
        get(app, "/")
    assert caught.value is wrong
    step = only_step(recorded)
    assert step.attributes[names.ERROR_TYPE] == "OSError"
    assert "customer" not in str(step)


def test_a_view_that_fails_is_a_failed_step(recorded, caplog):
    app = Flask("shop")

    @app.get("/fail")
    def fail() -> None:
        raise KeyError("customer 7")

    assert get(app, "/fail")[0] == "500 INTERNAL SERVER ERROR"
    step = only_step(recorded)
    assert (step.name, step.status) == ("GET /fail", 2)
    assert step.attributes[names.ERROR_TYPE] == "KeyError"


def test_an_exception_that_flask_lets_out_passes_unchanged(recorded):
    app, wrong = Flask("shop"), KeyError("customer 7")
    app.testing = True

    @app.get("/fail")
    def fail() -> None:
        raise wrong

    with pytest.raises(KeyError) as caught:
        get(app, "/fail")
    assert caught.value is wrong
    step = only_step(recorded)
    assert (step.name, step.attributes[names.ERROR_TYPE]) == ("GET /fail", "KeyError")
    assert not trace.get_current_span().get_span_context().is_valid


def test_an_application_below_another_is_one_request(recorded):
    outer, inner = Flask("outer"), Flask("inner")

    @inner.get("/<name>")
    def show(name: str) -> str:
        return name

    outer.wsgi_app = DispatcherMiddleware(outer.wsgi_app, {"/api": inner})
    assert get(outer, "/api/x") == ("200 OK", b"x")
    step = only_step(recorded)
    assert step.name == "GET /api/<name>"
    assert step.attributes[names.URL_PATH] == "/api/x"


def test_servers_get_their_own_file_wrapper_back(recorded, tmp_path):
    app = Flask("shop")
    (tmp_path / "a.txt").write_text("content")

    @app.get("/file")
    def file() -> Response:
        return flask.send_file(tmp_path / "a.txt")

    _status, body = call(app, "/file", **{"wsgi.file_wrapper": FileWrapper})
    try:
        assert type(body) is FileWrapper
        assert b"".join(body) == b"content"
    finally:
        body.close()
    assert only_step(recorded).attributes[names.HTTP_RESPONSE_STATUS_CODE] == 200


def test_lists_stay_lists(recorded):
    app = Flask("shop")
    app.wsgi_app = lambda environ, start_response: start_response("204 NO CONTENT", []) and [b""]
    _status, body = call(app, "/")
    assert type(body) is list
    assert only_step(recorded).attributes[names.HTTP_RESPONSE_STATUS_CODE] == 204


def test_requests_in_threads_keep_apart(recorded):
    app = Flask("shop")

    @app.get("/<number>")
    def show(number: str) -> str:
        time.sleep(0.005)
        touch(number)
        return number

    threads = [threading.Thread(target=get, args=(app, f"/{number}")) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    path_of = {step.span_id: step.attributes[names.URL_PATH] for step in steps(recorded)}
    assert len(path_of) == 8
    for span in recorded.io():
        assert path_of[span.attributes[names.PROVENANCE_STEP_ID]] == "/" + span.name.removeprefix("write ")


def test_another_instrumentation_hangs_under_the_step(recorded):
    spans, provider, app = InMemorySpanExporter(), TracerProvider(), Flask("shop")
    provider.add_span_processor(SimpleSpanProcessor(spans))

    @app.get("/")
    def show() -> str:
        return "x"

    OtherFlaskInstrumentor.instrument_app(app, tracer_provider=provider)
    try:
        get(app, "/")
    finally:
        OtherFlaskInstrumentor.uninstrument_app(app)
    step = only_step(recorded)
    [theirs] = spans.get_finished_spans()
    assert f"{theirs.context.trace_id:032x}" == step.trace_id
    assert f"{theirs.parent.span_id:016x}" == step.span_id
    assert step.start <= theirs.start_time
    assert theirs.end_time <= step.end


def test_nothing_stays_after_uninstrumenting():
    before = Flask.__call__, Flask.full_dispatch_request
    instrumentor = FlaskInstrumentor()
    instrumentor.instrument()
    assert Flask.__call__ is not before[0]
    instrumentor.uninstrument()
    assert (Flask.__call__, Flask.full_dispatch_request) == before
