# SPDX-License-Identifier: Apache-2.0
"""The distro: what makes opentelemetry-instrument observe with us."""
