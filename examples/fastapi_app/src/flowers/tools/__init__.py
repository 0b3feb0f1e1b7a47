# SPDX-License-Identifier: Apache-2.0
"""Tools for the people who run the service; the service itself doesn't load them."""
