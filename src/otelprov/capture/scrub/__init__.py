# SPDX-License-Identifier: Apache-2.0
"""Cuts secrets out of everything that becomes durable, by what each value is; an error on the way cuts the value."""

from otelprov.capture.scrub.argv import scrub_argv
from otelprov.capture.scrub.spans import scrub_attributes, scrub_span
from otelprov.capture.scrub.text import CUT, MAX_LENGTH, scrub_text

__all__ = ["CUT", "MAX_LENGTH", "scrub_argv", "scrub_attributes", "scrub_span", "scrub_text"]
