# SPDX-License-Identifier: Apache-2.0
"""The distro: defaults that the user's own settings always win over."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

import wrapt
from opentelemetry.instrumentation.dependencies import DependencyConflictError
from opentelemetry.instrumentation.distro import BaseDistro

from otelprov.capture.guard import failed
from otelprov.distro.settings import correct

_PREFIX, _OURS = "prov-", "otelprov_instrumentors."
# What they observe is there before any import of the program's.
_FROM_THE_START = ("files", "imports")

logger = logging.getLogger("otelprov")


class OtelprovDistro(BaseDistro):  # type: ignore[misc]
    """Chosen by OTEL_PYTHON_DISTRO=otelprov, by `otelprov run`, or by being the only one."""

    def _configure(self, **kwargs: Any) -> None:
        for line in correct():
            logger.warning("%s", line)
        # Without these, an SDK with nothing set would try a Collector on localhost at the end of every program.
        os.environ.setdefault("OTEL_METRICS_EXPORTER", "none")
        os.environ.setdefault("OTEL_LOGS_EXPORTER", "none")

    def load_instrumentor(self, entry_point: Any, **kwargs: Any) -> None:
        """Load one instrumentor; one that is broken does not take the others down with it.

        Ours for a library is loaded when the program imports the library: a program pays for what it uses.
        """
        library = entry_point.name.removeprefix(_PREFIX)
        if entry_point.value.startswith(_OURS) and library not in _FROM_THE_START and library not in sys.modules:
            wrapt.register_post_import_hook(lambda _module: self._load(entry_point, **kwargs), library)
        else:
            self._load(entry_point, **kwargs)

    def _load(self, entry_point: Any, **kwargs: Any) -> None:
        try:
            super().load_instrumentor(entry_point, **kwargs)
        except (ImportError, DependencyConflictError):
            # Reported by the caller, which goes on.
            raise
        except Exception as error:
            logger.warning("the instrumentor %s failed and was left out: %s", entry_point.name, error)
            failed(f"instrumentor {entry_point.name}", error)
