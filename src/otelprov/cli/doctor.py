# SPDX-License-Identifier: Apache-2.0
"""`otelprov doctor`: check the set-up and say what is wrong."""

from __future__ import annotations

from collections.abc import Iterator

import click

from otelprov.cli.health import distros, endpoint, instrumentors, local, versions
from otelprov.cli.health.finding import BAD, NOTE, OK, UNREACHABLE, Finding
from otelprov.cli.output import json_option, styled, write_json, write_lines
from otelprov.errors import BackendUnreachableError, OtelprovError
from otelprov.export.text import printable

_CHECKS = (versions.check, distros.check, instrumentors.check, endpoint.check, local.check_journal, local.check_store)
_ROLES = {OK: "good", NOTE: "note", BAD: "bad", UNREACHABLE: "bad"}


@click.command()
@json_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Check the set-up and say what is wrong.

    \b
    Example:
      otelprov doctor
      otelprov doctor --json

    Shows which distro and configurator OpenTelemetry would choose and why, which instrumentors are on,
    whether the OTLP endpoint answers, the state of journal and store, and whether the installed packages
    are one consistent set. Exit status 1 when something is broken, 4 when an endpoint that is set can't be
    reached.
    """
    findings = [finding for check in _CHECKS for finding in check()]
    status = exit_status(findings)
    if as_json:
        write_json({"healthy": status == 0, "findings": [finding.as_json() for finding in findings]})
    else:
        write_lines(_lines(findings))
    ctx.exit(status)


def exit_status(findings: list[Finding]) -> int:
    """The exit status that findings amount to: 1 for anything broken, 4 for an endpoint that does not answer."""
    levels = {finding.level for finding in findings}
    if BAD in levels:
        return OtelprovError.exit_status
    return BackendUnreachableError.exit_status if UNREACHABLE in levels else 0


def _lines(findings: list[Finding]) -> Iterator[str]:
    width = max(len(finding.area) for finding in findings)
    before = ""
    for finding in findings:
        area = "" if finding.area == before else finding.area
        before = finding.area
        yield f"{area:{width}}  {styled(f'{finding.level:4}', _ROLES[finding.level])}  {printable(finding.text)}"
        if finding.advice:
            yield f"{'':{width}}        {printable(finding.advice)}"
