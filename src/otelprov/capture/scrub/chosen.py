# SPDX-License-Identifier: Apache-2.0
"""Whether the user has rules of their own: asked of the environment once, as every scrubbed value has to know it."""

from __future__ import annotations

import functools
import os

from otelprov import config


@functools.cache
def has_rules() -> bool:
    """Whether OTELPROV_SCRUB_RULES was set when this was first asked."""
    return config.SCRUB_RULES.variable in os.environ
