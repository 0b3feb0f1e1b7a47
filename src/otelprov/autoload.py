# SPDX-License-Identifier: Apache-2.0
"""Imported at start-up by a .pth file: observes a plain `python app.py`, keeps the launcher from dying of a setting."""

from __future__ import annotations

import os
import sys

_SWITCHED_ON = {"1", "true", "yes", "on"}
_loaded = False


def _load() -> None:
    global _loaded
    if not _loaded and os.environ.get("OTEL_PROPAGATORS") and (_is_launcher() or _under_launcher()):
        # A name that is not installed there ends the launcher, and with it the program, before any distro is asked.
        _correct_propagators()
    if _loaded or os.environ.get("OTELPROV_AUTOLOAD", "").strip().lower() not in _SWITCHED_ON:
        return
    _loaded = True
    if _under_launcher() or _is_tool():
        return
    os.environ.setdefault("OTEL_PYTHON_DISTRO", "otelprov")
    os.environ.setdefault("OTEL_PYTHON_CONFIGURATOR", "otelprov")
    try:
        _correct_propagators()
        from opentelemetry.instrumentation.auto_instrumentation import initialize

        initialize(swallow_exceptions=True)
    except Exception as error:
        sys.stderr.write(f"otelprov: this program is not observed: {type(error).__name__}: {error}\n")


def _is_tool() -> bool:
    """Our own command, which asks about runs and is none, and the launcher, which becomes the program."""
    program = next((word for word in sys.orig_argv[1:2] if not word.startswith("-")), "")
    return os.path.basename(program) in ("otelprov", "opentelemetry-instrument", "opentelemetry-bootstrap")


def _correct_propagators() -> None:
    from otelprov.distro.settings import correct_propagators

    for line in correct_propagators():
        sys.stderr.write(f"{line}\n")


def _is_launcher() -> bool:
    return any(os.path.basename(argument) == "opentelemetry-instrument" for argument in sys.orig_argv[:3])


def _under_launcher() -> bool:
    """Whether the launcher's sitecustomize does all of this."""
    if "opentelemetry.instrumentation.auto_instrumentation" in sys.modules:
        return True
    marker = os.path.join("opentelemetry", "instrumentation", "auto_instrumentation")
    return any(part.rstrip(os.sep).endswith(marker) for part in os.environ.get("PYTHONPATH", "").split(os.pathsep))


_load()
