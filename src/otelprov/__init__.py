# SPDX-License-Identifier: Apache-2.0
"""otelprov: an OpenTelemetry distro that records provenance and rebuilds it into lineage."""

__version__ = "0.1.0"
