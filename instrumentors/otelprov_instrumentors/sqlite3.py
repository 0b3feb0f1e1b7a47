# SPDX-License-Identifier: Apache-2.0
"""SQL statements that run through the sqlite3 module, by subclasses of its own types."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from otelprov.capture.sql import sqlite_types
from otelprov.instrumentation import Call, Instrumentor, Patch

_FACTORY = 5


def _connect(call: Call) -> Generator[None, Any, None]:
    factory = call.argument("factory", _FACTORY)
    observed = sqlite_types.connection_class(factory)
    if observed is None:
        # A function of the user's that makes connections in its own way.
        return
    if len(call.args) > _FACTORY:
        call.args = (*call.args[:_FACTORY], observed, *call.args[_FACTORY + 1 :])
    else:
        call.kwargs = {**call.kwargs, "factory": observed}
    connection = yield
    sqlite_types.opened(connection, call.argument("database", 0), uri=bool(call.argument("uri", 7, False)))


class Sqlite3Instrumentor(Instrumentor):
    """Captures statements of connections made by `sqlite3.connect`."""

    library = "sqlite3"
    patches = (
        Patch("sqlite3", "connect", _connect),
        Patch("sqlite3.dbapi2", "connect", _connect),
        Patch("_sqlite3", "connect", _connect),
    )

    def _imported(self, module: Any) -> None:
        super()._imported(module)
        if module.__name__ != "_sqlite3":
            self.replace(module, "Connection", sqlite_types.public_class())

    def start(self) -> None:
        """Capture from connections made before, too."""
        sqlite_types.observe(True)

    def stop(self) -> None:
        """Connections that are still open are no longer captured."""
        sqlite_types.observe(False)
