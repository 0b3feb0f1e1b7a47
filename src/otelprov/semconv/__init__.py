# SPDX-License-Identifier: Apache-2.0
"""Every name that our telemetry uses, once; generated from the registry."""

from otelprov.semconv.names import *
