# SPDX-License-Identifier: Apache-2.0
"""How reports were written once. Nothing loads this any more."""


def write_report_by_hand() -> str:
    """The old report."""
    return "see the paper folder"
