# SPDX-License-Identifier: Apache-2.0
"""What a model consists of: other models, the library's own objects, code and objects of the program."""

from __future__ import annotations

import sys
from collections import Counter
from types import FunctionType, MethodType
from typing import Any, NamedTuple

from otelprov.capture.callsite import is_library_file
from otelprov.capture.flow.frames import CONTAINERS, MODEL, kind_of, models_in
from otelprov.capture.flow.identity import origins_of

# Set by every fit, and no knowledge of the data.
NO_STATE = frozenset(("n_features_in_", "feature_names_in_"))
FUNCTIONS = (FunctionType, MethodType)
_PLAIN = frozenset(
    ("builtins", "abc", "datetime", "decimal", "enum", "fractions", "logging", "operator", "pathlib", "re")
)
_ALIKE, _MANY = 4, 1000


class Inside(NamedTuple):
    """What works in a model: code of the program, other models, objects of which nobody knows what they bring."""

    closed: bool = True
    single: bool = True
    opaque: bool = False


def inside(model: Any) -> Inside:
    """Look through a model and the models in it."""
    left, of_type = [model], Counter[type]()
    found, seen = Inside(), set[int]()
    while left:
        each = left.pop()
        # Of hundreds of trees a few tell.
        of_type[type(each)] += 1
        if of_type[type(each)] > _ALIKE:
            continue
        if not is_of_sklearn(each):
            found = found._replace(closed=False)
        values = list(vars(each).values())
        while values:
            value = values.pop()
            kind = kind_of(type(value))
            if kind == MODEL:
                found = found._replace(single=False)
                left.append(value)
            elif type(value) in CONTAINERS:
                if len(value) <= _MANY and id(value) not in seen:
                    seen.add(id(value))
                    values += value.values() if type(value) is dict else value
            elif isinstance(value, FUNCTIONS):
                code = getattr(value, "__code__", None)
                if code is None or not is_library_file(code.co_filename):
                    found = found._replace(closed=False)
            elif not (kind or is_plain(value) or _is_of_library(value, each)):
                found = found._replace(closed=False, opaque=True)
    return found


def _is_of_library(value: Any, model: Any) -> bool:
    """Whether something in a model is of a library that brings no data of the program, or of the model's own."""
    library = type(value).__module__.partition(".")[0]
    if library in ("sklearn", "scipy", "joblib", "_thread"):
        return True
    module = sys.modules.get(type(model).__module__)
    return library == type(model).__module__.partition(".")[0] and is_library_file(
        getattr(module, "__file__", "") or "x"
    )


def is_of_sklearn(model: Any) -> bool:
    """Whether a model's class is the library's own."""
    return type(model).__module__.partition(".")[0] == "sklearn"


def is_unknown(model: Any) -> bool:
    """Whether a model, or one of several that make it up, was fitted where nobody saw it."""
    return is_fitted(model) or any(origins_of(part) is None and is_fitted(part) for part in models_in(model))


def is_fitted(model: Any) -> bool:
    """Whether a model has the attributes that a fit leaves."""
    return any(name[-1] == "_" and name[0] != "_" and name not in NO_STATE for name in vars(model))


def is_plain(value: Any) -> bool:
    """Whether a value is of a class that holds nothing but what it shows."""
    return type(value).__module__.partition(".")[0] in _PLAIN or type(value).__module__ == "numpy"
