# SPDX-License-Identifier: Apache-2.0
"""Set-up under test for a fault harness: this distro, chosen as its launcher would choose it, in the victim's process.

`setup(endpoint, exporter=None, processor=None, resource=None)` returns the application's tracer provider. The journal
is kept beside the harness's own record of what the victim did (`--oracle FILE` or FAULT_ORACLE).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any


def setup(endpoint: str, exporter: Any = None, processor: Any = None, resource: dict[str, str] | None = None) -> Any:
    oracle = os.environ.get("FAULT_ORACLE") or sys.argv[sys.argv.index("--oracle") + 1]
    os.environ.update(
        OTELPROV_HOME=str(Path(oracle).parent / "home"),
        OTEL_PYTHON_DISTRO="otelprov",
        OTEL_PYTHON_CONFIGURATOR="otelprov",
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
    )
    if resource:
        os.environ["OTEL_RESOURCE_ATTRIBUTES"] = ",".join(f"{key}={value}" for key, value in resource.items())
    from opentelemetry import trace
    from opentelemetry.instrumentation.auto_instrumentation import initialize

    initialize(swallow_exceptions=False)
    provider: Any = trace.get_tracer_provider()
    if processor is not None:
        provider.add_span_processor(processor)
    if exporter is not None:
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
