# SPDX-License-Identifier: Apache-2.0
"""The one table of settings: name, default, type, meaning. Read once per process, from the environment."""

from __future__ import annotations

import functools
import os
from typing import NamedTuple


class Setting(NamedTuple):
    """A setting: the environment variable, its default as text, and what it does."""

    variable: str
    default: str
    meaning: str

    def text(self) -> str:
        """The value as it stands in the environment, or the default."""
        return os.environ.get(self.variable, "").strip() or self.default

    def flag(self) -> bool:
        """The value as a switch: 1, true, yes and on are true."""
        return self.text().lower() in {"1", "true", "yes", "on"}

    def number(self) -> int:
        """The value as a whole number; the default where it is none."""
        try:
            return int(self.text())
        except ValueError:
            return int(self.default)


HOME = Setting("OTELPROV_HOME", "", "Folder of journals and store. Default: the user's data folder.")
ENABLED = Setting("OTELPROV_ENABLED", "true", "Record provenance at all.")
AUTOLOAD = Setting("OTELPROV_AUTOLOAD", "", "Observe every Python program that starts, without a launcher.")
RUN_NAME = Setting("OTELPROV_RUN_NAME", "", "Name of the run. Default: the script or command.")
RUN_PARAMS = Setting("OTELPROV_RUN_PARAMS", "", "Parameters of the run, as a JSON object.")
RUN_ACTOR = Setting("OTELPROV_RUN_ACTOR", "", "On whose behalf the run is started, where that is not its user.")
RUN_TRIGGER = Setting("OTELPROV_RUN_TRIGGER", "cli", "What starts the run: cli, api, schedule or run.")
VARIABLES = Setting(
    "OTELPROV_VARIABLES", "", "Environment variables whose values are recorded: names, with commas between."
)
VCS_DIFF = Setting("OTELPROV_VCS_DIFF", "false", "Record what differs from the commit, and not only its digest.")
IMPORTS = Setting("OTELPROV_IMPORTS", "true", "Record which modules are loaded.")
IMPORTS_ROOT = Setting(
    "OTELPROV_IMPORTS_ROOT", "", "Folder whose modules are recorded one by one. Default: the project."
)
IMPORTS_STDLIB = Setting("OTELPROV_IMPORTS_STDLIB", "false", "Record modules of the standard library too.")
IMPORTS_SUMMARY = Setting("OTELPROV_IMPORTS_SUMMARY", "false", "Log a summary of what was loaded, at exit.")
DIGEST_LIMIT = Setting("OTELPROV_DIGEST_LIMIT", "16777216", "Largest file, in bytes, whose content is digested.")
JOURNAL_LIMIT = Setting("OTELPROV_JOURNAL_LIMIT", "1073741824", "Largest size of all journals together, in bytes.")
JOURNAL_ROTATE = Setting("OTELPROV_JOURNAL_ROTATE", "67108864", "Size at which a journal file is closed, in bytes.")
HEARTBEAT = Setting("OTELPROV_HEARTBEAT", "30", "Seconds between two signs of life of a run.")
SHIP = Setting("OTELPROV_SHIP", "auto", "Send journals to the OTLP endpoint: auto, always or never.")
STORE = Setting("OTELPROV_STORE", "", "Path of the store. Default: store.db in OTELPROV_HOME.")
SCRUB_RULES = Setting(
    "OTELPROV_SCRUB_RULES", "", "JSON file of names and patterns to cut or to keep, beside the built-in rules."
)
CONTAINERS_CONFIG = Setting(
    "OTELPROV_CONTAINERS_CONFIG", "", "JSON or YAML file of options and observers of tracked containers."
)
TESTING = Setting("OTELPROV_TESTING", "false", "Raise our own errors instead of swallowing them.")

SETTINGS = [value for value in list(globals().values()) if isinstance(value, Setting)]


def observing() -> bool:
    """Whether this process is to be observed at all: not with our switch off, nor with OpenTelemetry's own."""
    return ENABLED.flag() and os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() != "true"


@functools.cache
def _normal(path: str) -> str:
    return os.path.normpath(path)


def home() -> str:
    """Absolute path of the folder of journals and store; not made here."""
    chosen = HOME.text()
    if chosen.startswith("/"):
        # Asked for with every file that is read or written.
        return _normal(chosen)
    if chosen:
        return os.path.abspath(os.path.expanduser(chosen))
    data = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    return os.path.join(data, "otelprov")


def journal_folder() -> str:
    """Absolute path of the folder of journals."""
    return os.path.join(home(), "journal")


def store_path() -> str:
    """Absolute path of the SQLite store."""
    return STORE.text() or os.path.join(home(), "store.db")
