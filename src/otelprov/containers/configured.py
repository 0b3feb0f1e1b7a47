# SPDX-License-Identifier: Apache-2.0
"""Options and observers of containers from a file, so that a program need not be changed to have its changes seen."""

from __future__ import annotations

import importlib
import inspect
import json
import logging
import os
import re
import stat
import sys
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from otelprov import config
from otelprov.capture.guard import guard
from otelprov.containers import newcomers
from otelprov.containers.change import Change
from otelprov.containers.configured_schema import OF_SUBSCRIPTIONS, checked
from otelprov.containers.exporters import Exporter, HttpExporter, JsonLinesExporter, KafkaExporter, S3Exporter
from otelprov.containers.observers import LogObserver, MetricsCounter, Subscription, observe
from otelprov.containers.observers.filters import glob
from otelprov.containers.tracker import DEFAULT, Tracker
from otelprov.errors import UsageError

_LARGEST_FILE = 1_048_576

# Patterns of names and the options of containers that are called so, the newest last.
_options: list[tuple[re.Pattern[str], dict[str, Any]]] = []


class Configuration:
    """What `configure` has set up: its `subscriptions`, until `close()`."""

    def __init__(self) -> None:
        self.subscriptions: list[Subscription] = []
        self._options: list[tuple[re.Pattern[str], dict[str, Any]]] = []

    def close(self) -> None:
        """End the observers, send what exporters have, and leave the options of containers made later alone."""
        while self.subscriptions:
            subscription = self.subscriptions.pop()
            subscription.close()
            if isinstance(subscription.observer, Exporter):
                subscription.observer.close()
        for entry in self._options:
            _options.remove(entry)
        self._options.clear()
        newcomers.tell("options", _choose if _options else None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def configure(source: str | os.PathLike[str] | Mapping[str, Any]) -> Configuration:
    """Set options and observers of containers, from a JSON or YAML file or from a mapping of the same shape.

    Raises UsageError that names the key that is wrong; then nothing has been set up. YAML needs PyYAML:
    `pip install 'otelprov[yaml]'`. A file names code of the program (`call: module:function`), so it is to be as well
    kept as the program: one that everybody may write is refused.
    """
    return _set_up(read(os.fspath(source)) if isinstance(source, str | os.PathLike) else source, at_once=True)


def from_environment() -> None:
    """Set up what OTELPROV_CONTAINERS_CONFIG names; a mistake is told in one line on stderr, and nothing is set up."""
    path = config.CONTAINERS_CONFIG.text()
    if not path:
        return
    with guard("the configuration of containers"):
        try:
            # What it calls belongs to the program, which is only beginning.
            _set_up(read(path), at_once=False)
        except UsageError as error:
            sys.stderr.write(f"otelprov: {config.CONTAINERS_CONFIG.variable}={path}: {error}; it is left out\n")


def read(path: str) -> Any:
    """What is in a file of configuration; raises UsageError where it can't be read."""
    try:
        with open(os.path.expanduser(path), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise UsageError(f"can't be read: {error.strerror}") from None
    if stat.S_ISREG(mode) and mode & stat.S_IWOTH:
        raise UsageError("everybody may write to it, and it can name code to be run: chmod o-w")
    if len(data) > _LARGEST_FILE:
        raise UsageError(f"more than {_LARGEST_FILE} bytes")
    try:
        if os.path.splitext(path)[1].lower() in (".yaml", ".yml"):
            return _read_yaml(data)
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"no JSON: {' '.join(str(error).split())}") from None


def _read_yaml(data: bytes) -> Any:
    try:
        import yaml
    except ImportError:
        raise UsageError("YAML needs PyYAML: pip install 'otelprov[yaml]', or write the file in JSON") from None
    try:
        return yaml.safe_load(data)
    except yaml.YAMLError as error:
        raise UsageError(f"no YAML: {' '.join(str(error).split())}") from None


def _set_up(document: Any, *, at_once: bool) -> Configuration:
    found = checked(document)
    made = Configuration()
    try:
        for number, entry in enumerate(found["observers"]):
            made.subscriptions.append(_observer(f"observers[{number}]", entry, at_once))
    except BaseException:
        made.close()
        raise
    made._options = [(glob(pattern, "pattern"), options) for pattern, options in found["containers"].items()]
    _options.extend(made._options)
    if _options:
        newcomers.tell("options", _choose)
    return made


def _observer(path: str, entry: dict[str, Any], at_once: bool) -> Subscription:
    chosen = {key: value for key, value in entry.items() if key in OF_SUBSCRIPTIONS}
    own = {key: value for key, value in entry.items() if key not in OF_SUBSCRIPTIONS and key != "type"}
    target = chosen.pop("target", None)
    try:
        observer = _MAKERS[entry["type"]](own, at_once)
        return observe(target, observer, **chosen)
    except (UsageError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from None


def _log(own: dict[str, Any], _at_once: bool) -> LogObserver:
    if "level" in own:
        own["level"] = logging.getLevelNamesMapping()[own["level"]]
    return LogObserver(**own)


def _call(own: dict[str, Any], at_once: bool) -> Callable[[Change], object]:
    found = Named(own["call"])
    if at_once:
        found.function()
    return found


class Named:
    """A function of the program by its name, imported when it is first called."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._function: Callable[[Change], object] | None = None

    def function(self) -> Callable[[Change], object]:
        """The function; raises UsageError where there is none of that name."""
        if self._function is None:
            module, _, path = self.name.partition(":")
            try:
                found: Any = importlib.import_module(module)
                for part in path.split("."):
                    found = getattr(found, part)
            except (ImportError, AttributeError) as error:
                raise UsageError(f"call: {self.name} can't be found: {error}") from None
            if not callable(found) or inspect.iscoroutinefunction(found):
                what = "a coroutine function" if callable(found) else type(found).__name__
                raise UsageError(f"call: {self.name} is to be a function, and is {what}")
            self._function = found
        return self._function

    def __call__(self, change: Change) -> object:
        """Call the function; where there is none, this is a failure of the observer."""
        return self.function()(change)

    def __str__(self) -> str:
        return self.name


_MAKERS: dict[str, Callable[[dict[str, Any], bool], Callable[[Change], object]]] = {
    "call": _call,
    "log": _log,
    "metrics": lambda own, _at_once: MetricsCounter(**own),
    "jsonl": lambda own, _at_once: JsonLinesExporter(**own),
    "http": lambda own, _at_once: HttpExporter(**own),
    "s3": lambda own, _at_once: S3Exporter(**own),
    "kafka": lambda own, _at_once: KafkaExporter(**own),
}


def _choose(tracker: Tracker) -> None:
    """The options of a new container: what the program says, else the configuration, else the defaults."""
    name, options = tracker.options.name, tracker.options
    for pattern, chosen in _options:
        if pattern.fullmatch(name) is not None:
            options = options._replace(
                **{key: value for key, value in chosen.items() if getattr(options, key) == getattr(DEFAULT, key)}
            )
    if options is not tracker.options:
        tracker.choose_options(options)
