# SPDX-License-Identifier: Apache-2.0
# SPDX-License-Identifier: Apache-2.0
"""Requests to Starlette and FastAPI applications as steps."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any

import fastapi
import httpx
import pytest
from fastapi import APIRouter, BackgroundTasks, FastAPI, WebSocket
from fastapi.responses import StreamingResponse
from fastapi.staticfiles import StaticFiles
from opentelemetry import trace
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette_plots import SERVER, ask, only_step, recorded, steps, touch  # noqa: F401

from otelprov.capture.recorder import current
from otelprov.semconv import names


def test_a_request_is_a_step_with_a_trace_of_its_own(recorded):
    app = FastAPI()

    @app.get("/items/{item_id}")
    async def show(item_id: int) -> dict[str, int]:
        return {"item": item_id}

    [response] = ask(app, ("GET", "/items/7?token=secret"))
    assert response.json() == {"item": 7}
    step, run = only_step(recorded), current().run
    assert step.name == "GET /items/{item_id}"
    assert step.kind == SERVER
    assert step.parent_id == ""
    assert step.trace_id != f"{run.trace_id:032x}"
    assert [(link.trace_id, link.span_id) for link in step.links] == [(f"{run.trace_id:032x}", f"{run.span_id:016x}")]
    wanted = {
        names.PROVENANCE_STEP_TYPE: "request",
        names.HTTP_REQUEST_METHOD: "GET",
        names.HTTP_ROUTE: "/items/{item_id}",
        names.URL_PATH: "/items/7",
        names.HTTP_RESPONSE_STATUS_CODE: 200,
        names.CODE_FILE_PATH: __file__,
        names.CODE_LINE_NUMBER: inspect.getsourcelines(show)[1],
    }
    assert {key: step.attributes.get(key) for key in wanted} == wanted
    assert "secret" not in str(step)


def test_a_request_continues_the_trace_of_its_caller(recorded):
    app = Starlette(routes=[Route("/", lambda request: PlainTextResponse("x"))])
    caller = f"00-{'a' * 32}-{'b' * 16}-01"
    ask(app, ("GET", "/"), headers={"traceparent": caller})
    step = only_step(recorded)
    assert (step.trace_id, step.parent_id) == ("a" * 32, "b" * 16)
    assert len(step.links) == 1


def test_what_a_request_does_belongs_to_it(recorded):
    app = FastAPI()

    @app.get("/in-thread")
    def in_thread() -> None:
        touch("thread")

    @app.get("/in-task")
    async def in_task() -> None:
        await asyncio.sleep(0)
        touch("task")

    @app.get("/afterwards")
    def afterwards(tasks: BackgroundTasks) -> None:
        tasks.add_task(touch, "background")

    @app.get("/streamed")
    def streamed() -> StreamingResponse:
        def parts() -> Iterator[str]:
            yield "a"
            touch("stream")

        return StreamingResponse(parts())

    ask(app, ("GET", "/in-thread"), ("GET", "/in-task"), ("GET", "/afterwards"), ("GET", "/streamed"))
    touch("nothing")
    by_id = {step.span_id: step for step in steps(recorded)}
    done = {span.name: span for span in recorded.io()}
    for name, route in (("thread", "/in-thread"), ("task", "/in-task"), ("background", "/afterwards"),
                        ("stream", "/streamed")):  # fmt: skip
        span = done[f"write {name}"]
        step = by_id[span.attributes[names.PROVENANCE_STEP_ID]]
        assert step.attributes[names.HTTP_ROUTE] == route
        assert (span.trace_id, span.parent_id) == (step.trace_id, step.span_id)
        assert step.start <= span.start
        assert span.end <= step.end
    outside = done["write nothing"]
    assert names.PROVENANCE_STEP_ID not in outside.attributes
    assert outside.trace_id == f"{current().run.trace_id:032x}"


def test_requests_at_the_same_time_keep_apart(recorded):
    app = FastAPI()

    @app.get("/{number}")
    async def show(number: int) -> None:
        await asyncio.sleep(0.001 * (number % 3))
        touch(str(number))

    ask(app, *(("GET", f"/{number}") for number in range(30)))
    path_of = {step.span_id: step.attributes[names.URL_PATH] for step in steps(recorded)}
    assert len({step.trace_id for step in steps(recorded)}) == 30
    for span in recorded.io():
        assert path_of[span.attributes[names.PROVENANCE_STEP_ID]] == "/" + span.name.removeprefix("write ")


def test_an_exception_passes_unchanged(recorded):
    wrong = KeyError("customer 7")

    async def fail(request: Any) -> None:
        raise wrong

    with pytest.raises(KeyError) as caught:
        ask(Starlette(routes=[Route("/fail", fail)]), ("GET", "/fail"))
    assert caught.value is wrong
    step = only_step(recorded)
    assert step.status == 2
    assert step.attributes[names.ERROR_TYPE] == "KeyError"
    assert step.attributes[names.HTTP_RESPONSE_STATUS_CODE] == 500
    assert "customer" not in str(step)
    assert not trace.get_current_span().get_span_context().is_valid


def test_a_refusal_is_no_failure_of_the_step(recorded):
    ask(FastAPI(), ("GET", "/nowhere"))
    step = only_step(recorded)
    assert (step.name, step.status) == ("GET", 0)
    assert step.attributes[names.HTTP_RESPONSE_STATUS_CODE] == 404
    assert names.HTTP_ROUTE not in step.attributes


def nested_app(folder: str) -> FastAPI:
    app, included, below = FastAPI(), APIRouter(), FastAPI()
    deeper = Starlette(routes=[Mount("/b/{b}", routes=[Route("/c/{c}", lambda request: PlainTextResponse(""))])])

    @included.get("/leaf/{leaf}")
    def leaf(tenant: str, leaf: str) -> None: ...

    @below.get("/page/{page}")
    def page(page: str) -> None: ...

    outer = APIRouter()
    outer.include_router(included, prefix="/in")
    app.include_router(outer, prefix="/t/{tenant}")
    app.mount("/below/{org}", below)
    app.mount("/deep/{a}", deeper)
    app.mount("/static", StaticFiles(directory=folder))
    return app


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/t/acme/in/leaf/3", "/t/{tenant}/in/leaf/{leaf}"),
        ("/below/acme/page/2", "/below/{org}/page/{page}"),
        ("/below/acme/nothing", "/below/{org}/{path}"),
        ("/deep/1/b/2/c/3", "/deep/{a}/b/{b}/c/{c}"),
        ("/static/missing.css", "/static/{path}"),
        ("/docs", "/docs"),
    ],
)
def test_the_route_is_the_whole_template(recorded, tmp_path, path, route):
    ask(nested_app(str(tmp_path)), ("GET", path))
    assert only_step(recorded).name == f"GET {route}"


def test_a_mounted_application_behind_a_copy_of_the_scope_is_the_same_request(recorded):
    below = FastAPI()

    async def copying(scope: Any, receive: Any, send: Any) -> None:
        await below(dict(scope), receive, send)

    ask(Starlette(routes=[Mount("/below/{org}", copying)]), ("GET", "/below/acme/docs"))
    assert only_step(recorded).name == "GET /below/{org}/docs"


def test_an_unknown_method_is_not_copied(recorded):
    ask(FastAPI(), ("MAGIC", "/"))
    step = only_step(recorded)
    assert step.name == "HTTP"
    assert step.attributes[names.HTTP_REQUEST_METHOD] == "_OTHER"


def test_a_websocket_is_a_step(recorded):
    app, sent = FastAPI(), []

    @app.websocket("/rooms/{room}")
    async def talk(websocket: WebSocket, room: str) -> None:
        await websocket.accept()
        touch(await websocket.receive_text())
        await websocket.receive_text()

    incoming = iter(
        [
            {"type": "websocket.connect"},
            {"type": "websocket.receive", "text": "said"},
            {"type": "websocket.disconnect", "code": 1000},
        ]
    )

    async def receive() -> Any:
        return next(incoming)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    scope = {"type": "websocket", "path": "/rooms/5", "headers": [], "query_string": b"", "subprotocols": []}
    with pytest.raises(fastapi.WebSocketDisconnect):
        asyncio.run(app(scope, receive, send))
    step = only_step(recorded)
    assert sent == ["websocket.accept"]
    assert step.name == "WEBSOCKET /rooms/{room}"
    assert step.status == 0
    assert recorded.io()[0].attributes[names.PROVENANCE_STEP_ID] == step.span_id


def test_the_life_of_the_server_is_no_step(recorded):
    messages: list[str] = []

    async def lifespan() -> None:
        incoming = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

        async def receive() -> Any:
            return next(incoming)

        async def send(message: Any) -> None:
            messages.append(message["type"])

        await FastAPI()({"type": "lifespan", "state": {}}, receive, send)

    asyncio.run(lifespan())
    assert messages == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert steps(recorded) == []


def test_a_stream_stays_lazy(recorded):
    made: list[str] = []
    app = FastAPI()

    @app.get("/")
    async def stream() -> StreamingResponse:
        async def parts() -> AsyncIterator[str]:
            for part in "ab":
                made.append(f"made {part}")
                yield part

        return StreamingResponse(parts())

    async def receive() -> Any:
        await asyncio.sleep(3600)

    async def send(message: Any) -> None:
        if message.get("body"):
            made.append(f"sent {message['body'].decode()}")

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b"",
             "asgi": {"spec_version": "2.4"}}  # fmt: skip
    asyncio.run(app(scope, receive, send))
    assert made == ["made a", "sent a", "made b", "sent b"]
    assert len(steps(recorded)) == 1


def test_a_client_that_goes_away_ends_the_step(recorded):
    async def wait(request: Any) -> None:
        await asyncio.sleep(3600)

    async def leave() -> None:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(Starlette(routes=[Route("/", wait)])), base_url="http://test"
        ) as client:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.get("/"), 0.05)

    asyncio.run(leave())
    assert only_step(recorded).attributes[names.ERROR_TYPE].endswith("CancelledError")
