# SPDX-License-Identifier: Apache-2.0
"""Switches the observation of imports on and off with the other instrumentors."""

from __future__ import annotations

from otelprov.capture.modules import imports
from otelprov.instrumentation import Instrumentor


class ImportsInstrumentor(Instrumentor):
    """Records which modules are loaded; OTELPROV_IMPORTS=false leaves the import system alone."""

    library = "imports"

    def start(self) -> None:
        """Observe imports from now on."""
        imports.start()

    def stop(self) -> None:
        """Leave the import system as it was found."""
        imports.stop()
