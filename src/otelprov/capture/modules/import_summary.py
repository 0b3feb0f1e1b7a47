# SPDX-License-Identifier: Apache-2.0
"""The summary of what a process has loaded, as lines of the log."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence

from otelprov.capture.modules.import_record import LoadedModule

logger = logging.getLogger("otelprov.imports")


def summary(modules: Sequence[LoadedModule], root: str) -> Iterator[str]:
    """The totals, one line per file, one line per module or distribution."""
    files = list(dict.fromkeys(module.file for module in modules if module.file))
    packages = [module for module in modules if not module.file]
    count = sum(module.modules for module in packages)
    distributions = len({module.purl or module.name for module in packages})
    yield f"process {os.getpid()} loaded {len(files)} files of {root}, and {count} modules of {distributions} packages"
    for file in files:
        yield f"file {os.path.relpath(file, root) if file.startswith(root + os.sep) else file}"
    for module in modules:
        what = module.purl or module.name
        took = f", {module.duration * 1000:.1f} ms" if module.duration >= 0 else ""
        by = f" by {module.importer}" if module.importer else ""
        many = f", {module.modules} modules" if not module.file else ""
        yield f"module {module.name if module.file else what} ({module.style}{by}{took}{many})"


def log_summary(modules: Sequence[LoadedModule], root: str) -> None:
    """Log the summary at level INFO; on stderr where the program has set up no logging."""
    handler: logging.Handler | None = None
    if not logger.hasHandlers():
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        logger.addHandler(handler)
    level = logger.level
    try:
        if level == logging.NOTSET:
            # It was asked for: the program's own threshold is about the program's own messages.
            logger.setLevel(logging.INFO)
        for line in summary(modules, root):
            logger.info("%s", line)
    finally:
        logger.setLevel(level)
        if handler is not None:
            logger.removeHandler(handler)
