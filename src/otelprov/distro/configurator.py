# SPDX-License-Identifier: Apache-2.0
"""The configurator: the SDK as the environment asks for it, the shipper in place of the OTLP trace exporter."""

from __future__ import annotations

import os
from typing import Any

from opentelemetry.sdk._configuration import _OTelSDKConfigurator

from otelprov import __version__
from otelprov.capture import run
from otelprov.capture.command import understand
from otelprov.distro import chosen
from otelprov.semconv import SERVICE_NAME, TELEMETRY_DISTRO_NAME, TELEMETRY_DISTRO_VERSION

_EXPORTERS = "OTEL_TRACES_EXPORTER"


class OtelprovConfigurator(_OTelSDKConfigurator):  # type: ignore[misc]
    """Sets up providers by the usual variables; `otlp` traces leave through the journal's shipper alone."""

    def _configure(self, **kwargs: Any) -> None:
        import sys

        if os.environ.get("OTEL_CONFIG_FILE"):
            # The declarative file decides, exporters included: we are guests of what it sets up.
            super()._configure(**kwargs)
            return
        name = run.service_name(os.environ.get("OTELPROV_RUN_NAME", "") or understand(sys.orig_argv).name)
        attributes = {
            SERVICE_NAME: name,
            TELEMETRY_DISTRO_NAME: "otelprov",
            TELEMETRY_DISTRO_VERSION: __version__,
            **(kwargs.pop("resource_attributes", None) or {}),
        }
        asked = os.environ.get(_EXPORTERS)
        named = [part.strip() for part in (asked or "otlp").split(",") if part.strip()]
        others = [part for part in named if part not in ("otlp", "none", "otlp_proto_http", "otlp_proto_grpc")]
        os.environ[_EXPORTERS] = ",".join(others) or "none"
        try:
            super()._configure(resource_attributes=attributes, **kwargs)
        finally:
            # Children and the program itself see what the user set.
            if asked is None:
                os.environ.pop(_EXPORTERS, None)
            else:
                os.environ[_EXPORTERS] = asked
        if len(others) < len(named) and named != ["none"]:
            chosen.note_configured()
