# SPDX-License-Identifier: Apache-2.0
"""Write docs/reference/settings.md from the table of settings; with --check, only say whether it is up to date."""

from __future__ import annotations

from pathlib import Path

from pages import write_or_check

from otelprov.config import SETTINGS, Setting

PAGE = Path(__file__).resolve().parent / "reference" / "settings.md"
HEAD = """# Settings

Environment variables, read once per process. Made by `docs/generate_settings.py` from `otelprov.config`: change the
table there, not this page. Nothing has to be set.

Switches are on with `1`, `true`, `yes` or `on`. A number that is none counts as the default.

| variable | default | meaning |
|---|---|---|
"""
TAIL = """
## Of OpenTelemetry

otelprov heeds OpenTelemetry's own variables. These matter most:

| variable | what it does here |
|---|---|
| `OTEL_SDK_DISABLED=true` | nothing is recorded |
| `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | stand in the resource of what is recorded |
| `OTEL_EXPORTER_OTLP_ENDPOINT`, `_HEADERS`, `_PROTOCOL`, … | where journals are shipped to, and how |
| `OTEL_TRACES_EXPORTER` | `otlp` (default) is the shipper; `none` ships nothing; others work beside it |
| `OTEL_TRACES_SAMPLER` | decides about the program's own spans; never about what is recorded of provenance |
| `OTEL_PYTHON_DISTRO`, `OTEL_PYTHON_CONFIGURATOR` | choose [one of several distros](../how-to/with-another-distro.md) |
| `OTEL_PYTHON_DISABLED_INSTRUMENTATIONS` | what to leave off, as `otelprov doctor` lists it |

## Set by otelprov itself

These carry a run to its child processes. Don't set them.

| variable | what is in it |
|---|---|
| `TRACEPARENT`, `BAGGAGE` | trace and run, as W3C writes them; baggage of others is kept |
| `OTELPROV_OWNER` | which process began the run, so that a program that replaces itself by `exec` goes on with it |
"""


def main() -> int:
    """Write the page, or with --check return 1 when it is not what would be written."""
    return write_or_check(PAGE, page())


def page() -> str:
    """The whole page."""
    return HEAD + "".join(row(setting) for setting in SETTINGS) + TAIL


def row(setting: Setting) -> str:
    """One line of the table."""
    default = f"`{setting.default}`" if setting.default else ""
    return f"| `{setting.variable}` | {default} | {setting.meaning} |\n"


if __name__ == "__main__":
    raise SystemExit(main())
