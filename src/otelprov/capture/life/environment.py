# SPDX-License-Identifier: Apache-2.0
"""What a run runs in: who, where, which Python, which packages, which commit."""

from __future__ import annotations

import os
import pwd
import sys
from typing import Any

from otelprov import config
from otelprov.capture.disk.fingerprint import digest_bytes, digest_version
from otelprov.capture.scrub import scrub_attributes, scrub_text
from otelprov.semconv import (
    HOST_NAME,
    OS_TYPE,
    PROCESS_EXECUTABLE_PATH,
    PROCESS_PARENT_PID,
    PROCESS_PID,
    PROCESS_RUNTIME_NAME,
    PROCESS_RUNTIME_VERSION,
    PROCESS_WORKING_DIRECTORY,
    PROVENANCE_ENVIRONMENT_MANAGER,
    PROVENANCE_ENVIRONMENT_VARIABLES,
    PROVENANCE_PACKAGES_COUNT,
    PROVENANCE_PACKAGES_DIGEST,
    PROVENANCE_PACKAGES_LIST,
    PROVENANCE_RUN_ACTOR,
    PROVENANCE_RUN_CODE_DIGEST,
    PROVENANCE_RUN_CODE_FILE,
    PROVENANCE_RUN_TRIGGER,
    PROVENANCE_RUN_TRIGGER_API,
    PROVENANCE_RUN_TRIGGER_CLI,
    PROVENANCE_RUN_TRIGGER_RUN,
    PROVENANCE_RUN_TRIGGER_SCHEDULE,
    PROVENANCE_VCS_DIFF_DIGEST,
    PROVENANCE_VCS_DIFF_TEXT,
    PROVENANCE_VCS_DIRTY,
    USER_NAME,
    VCS_REF_HEAD_NAME,
    VCS_REF_HEAD_REVISION,
    VCS_REPOSITORY_URL_FULL,
)

_GIT_SECONDS = 10.0
_TRIGGERS = (
    PROVENANCE_RUN_TRIGGER_CLI,
    PROVENANCE_RUN_TRIGGER_API,
    PROVENANCE_RUN_TRIGGER_SCHEDULE,
    PROVENANCE_RUN_TRIGGER_RUN,
)


def process_attributes(script: str) -> dict[str, Any]:
    """What is known of this process at once, without starting another: cheap enough for start-up."""
    found: dict[str, Any] = {
        PROCESS_PID: os.getpid(),
        PROCESS_PARENT_PID: os.getppid(),
        PROCESS_EXECUTABLE_PATH: sys.executable or "",
        PROCESS_RUNTIME_NAME: sys.implementation.name,
        PROCESS_RUNTIME_VERSION: ".".join(map(str, sys.version_info[:3])),
        HOST_NAME: os.uname().nodename,
        OS_TYPE: sys.platform,
    }
    try:
        found[PROCESS_WORKING_DIRECTORY] = os.getcwd()
    except OSError:
        # The folder is gone; the program may go on without one.
        found[PROCESS_WORKING_DIRECTORY] = ""
    try:
        found[USER_NAME] = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        # As in a container whose user has no entry.
        found[USER_NAME] = str(os.geteuid())
    if script:
        found[PROVENANCE_RUN_CODE_FILE] = script
        version, _size = digest_version(script)
        if version:
            found[PROVENANCE_RUN_CODE_DIGEST] = version
    return found


def packages() -> list[str]:
    """Installed distributions as `name==version`, sorted, read from the names of their metadata folders."""
    found: dict[str, str] = {}
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")
        except OSError:
            continue
        for name in names:
            stem, _dot, ending = name.rpartition(".")
            if ending not in ("dist-info", "egg-info"):
                continue
            parts = stem.split("-")
            if len(parts) >= 2:
                # The first folder on the path wins, as it does for imports.
                found.setdefault(parts[0].replace("_", "-").lower(), parts[1])
    return sorted(f"{name}=={version}" for name, version in found.items())


def environment_attributes(folder: str) -> dict[str, Any]:
    """Packages and code version of the project that `folder` lies in; starts git, so not for the hot path."""
    listed = packages()
    text = "\n".join(listed)
    found: dict[str, Any] = {
        PROVENANCE_PACKAGES_COUNT: len(listed),
        PROVENANCE_PACKAGES_DIGEST: digest_bytes(text.encode()),
        PROVENANCE_PACKAGES_LIST: text,
        PROVENANCE_ENVIRONMENT_MANAGER: _manager(),
    }
    variables = _variables()
    if variables:
        found[PROVENANCE_ENVIRONMENT_VARIABLES] = variables
    found |= _git(folder)
    return found


def _variables() -> str:
    """The variables that were asked for by name, as canonical JSON; a secret's name cuts its value."""
    names = [name.strip() for name in config.VARIABLES.text().split(",")]
    chosen = {name: os.environ[name] for name in names if name in os.environ}
    if not chosen:
        return ""
    import json

    return scrub_text(json.dumps(dict(scrub_attributes(chosen)), sort_keys=True, separators=(",", ":")))


def started_for() -> dict[str, Any]:
    """What started the run, and on whose behalf."""
    trigger = config.RUN_TRIGGER.text().lower()
    found: dict[str, Any] = {PROVENANCE_RUN_TRIGGER: trigger if trigger in _TRIGGERS else PROVENANCE_RUN_TRIGGER_CLI}
    if config.RUN_ACTOR.text():
        found[PROVENANCE_RUN_ACTOR] = scrub_text(config.RUN_ACTOR.text())
    return found


def _manager() -> str:
    if os.path.isdir(os.path.join(sys.prefix, "conda-meta")):
        return "conda"
    settings = os.path.join(sys.prefix, "pyvenv.cfg")
    if not os.path.exists(settings):
        return "system"
    try:
        with open(settings, encoding="utf-8", errors="replace") as file:
            return "uv" if "\nuv =" in "\n" + file.read(4096) else "venv"
    except OSError:
        return "venv"


def _git(folder: str) -> dict[str, Any]:
    if not _in_repository(folder):
        return {}
    found: dict[str, Any] = {}
    revision = _run_git(folder, "rev-parse", "HEAD")
    if revision is None:
        return {}
    found[VCS_REF_HEAD_REVISION] = revision.decode(errors="replace").strip()
    branch = (_run_git(folder, "symbolic-ref", "--quiet", "--short", "HEAD") or b"").decode(errors="replace").strip()
    if branch:
        found[VCS_REF_HEAD_NAME] = branch
    remote = (_run_git(folder, "config", "--get", "remote.origin.url") or b"").decode(errors="replace").strip()
    if remote:
        found[VCS_REPOSITORY_URL_FULL] = scrub_text(remote)
    status = _run_git(folder, "status", "--porcelain")
    if status is not None:
        found[PROVENANCE_VCS_DIRTY] = bool(status.strip())
        if status.strip():
            difference = _run_git(folder, "diff", "HEAD") or b""
            found[PROVENANCE_VCS_DIFF_DIGEST] = digest_bytes(status + difference)
            if config.VCS_DIFF.flag():
                found[PROVENANCE_VCS_DIFF_TEXT] = scrub_text(difference.decode(errors="replace"))
    return found


def _in_repository(folder: str) -> bool:
    while folder:
        if os.path.exists(os.path.join(folder, ".git")):
            return True
        above = os.path.dirname(folder)
        if above == folder:
            return False
        folder = above
    return False


def _run_git(folder: str, *arguments: str) -> bytes | None:
    import subprocess

    # No optional locks: a run that only looks must not disturb a commit made at the same time.
    command = ["git", "--no-optional-locks", "-C", folder, *arguments]
    # Not observed itself: git may run Python hooks.
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "OTELPROV_AUTOLOAD")}
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=_GIT_SECONDS, stdin=subprocess.DEVNULL, env=environment, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None
