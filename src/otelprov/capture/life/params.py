# SPDX-License-Identifier: Apache-2.0
"""Parameters of a run: canonical, scrubbed, and with a digest by which runs of equal configuration are found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otelprov.capture.disk.fingerprint import digest_bytes
from otelprov.capture.scrub import scrub_text
from otelprov.semconv import PROVENANCE_RUN_CONFIG_DIGEST, PROVENANCE_RUN_PARAMS


def parameter_attributes(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes of a run for its parameters; empty where it has none.

    The digest is of the scrubbed text: that of a short secret could be guessed, and equal secrets have equal marks.
    """
    if not parameters:
        return {}
    import json

    canonical = scrub_text(json.dumps(dict(parameters), sort_keys=True, separators=(",", ":")))
    return {PROVENANCE_RUN_PARAMS: canonical, PROVENANCE_RUN_CONFIG_DIGEST: digest_bytes(canonical.encode())}
