# SPDX-License-Identifier: Apache-2.0
"""Methods of a family of classes, followed where they are defined: there are hundreds, and programs add their own."""

from __future__ import annotations

import functools
import operator
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import FunctionType, MethodType
from typing import Any, cast

from otelprov.capture.guard import failed
from otelprov.capture.recorder import current

# Runs before the call, with the function and its arguments. What it returns is called after it, with the result; and
# whether methods that this one calls are of no interest.
Before = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], tuple[Callable[[Any], None], bool]]


class _Thread(threading.local):
    alone = False


_thread = _Thread()
_made: weakref.WeakSet[Callable[..., Any]] = weakref.WeakSet()


class Method:
    """Stands for a method in the class that defines it, and is a plain function for whoever looks at it there.

    A class of the program may be pickled by value, method by method, and be loaded where there is nothing of ours: then
    this is the method that it stands for.
    """

    def __init__(self, function: Callable[..., Any], wrapper: Callable[..., Any]) -> None:
        functools.update_wrapper(cast(Any, self), function)
        self._function = function
        self._wrapper = wrapper

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self._wrapper if instance is None else MethodType(self._wrapper, instance)

    def __reduce__(self) -> tuple[Any, ...]:
        return operator.itemgetter(0), ((self._function,),)


class Methods:
    """The methods to follow, by name, and the classes in which they are followed now."""

    def __init__(self, library: str, followed: Mapping[str, Before]) -> None:
        self._library = library
        self._followed = followed
        self._classes: weakref.WeakSet[type] = weakref.WeakSet()

    def follow(self, cls: type) -> None:
        """Follow the methods of a class, and of those classes of its library from which it is derived."""
        library = cls.__module__.partition(".")[0]
        for base in cls.__mro__:
            if base not in self._classes and base.__module__.partition(".")[0] in (library, self._library):
                self._follow(base)

    def follow_again(self, cls: type) -> None:
        """Follow a class of the program that may have got methods anew, as one that was pickled by value does."""
        if cls.__module__.partition(".")[0] != self._library:
            self._follow(cls)

    def _follow(self, cls: type) -> None:
        self._classes.add(cls)
        for name, before in self._followed.items():
            raw = vars(cls).get(name)
            if type(raw) is FunctionType:
                if not getattr(raw, "__isabstractmethod__", False):
                    setattr(cls, name, Method(raw, _wrapper(raw, f"{self._library} {name}", before)))
            elif raw is not None and type(raw) is not Method:
                # Descriptors that say whether there is such a method hold it in `fn`.
                function = getattr(raw, "__dict__", {}).get("fn")
                if type(function) is FunctionType and function not in _made:
                    raw.fn = _wrapper(function, f"{self._library} {name}", before)

    def follow_all(self, root: type) -> None:
        """Follow a class and all that are derived from it so far."""
        for cls in _family(root):
            self.follow(cls)

    def leave(self) -> None:
        """Put back what was there."""
        for cls in list(self._classes):
            for name in self._followed:
                raw = vars(cls).get(name)
                if type(raw) is Method:
                    setattr(cls, name, raw._function)
                else:
                    function = getattr(raw, "__dict__", {}).get("fn")
                    if type(function) is FunctionType and function in _made:
                        cast(Any, raw).fn = vars(function)["__wrapped__"]
        self._classes.clear()


def _family(root: type) -> Iterator[type]:
    left, seen = [root], {root}
    while left:
        cls = left.pop()
        yield cls
        new = set(_subclasses(cls)) - seen
        seen |= new
        left += new


def _subclasses(cls: type) -> Iterable[type]:
    return type.__subclasses__(cls)


def _wrapper(function: FunctionType, where: str, before: Before) -> Callable[..., Any]:
    # Refers to nothing that could not be pickled by name: a bound method may be pickled by value.
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if _thread.alone or current() is None:
            return function(*args, **kwargs)
        after = None
        try:
            after, _thread.alone = before(function, args, kwargs)
        except Exception as error:
            failed(where, error)
        try:
            result = function(*args, **kwargs)
        finally:
            _thread.alone = False
        if after is not None:
            try:
                after(result)
            except Exception as error:
                failed(where, error)
        return result

    functools.update_wrapper(wrapper, function)
    wrapper.__code__ = wrapper.__code__.replace(
        co_filename=function.__code__.co_filename,
        co_firstlineno=function.__code__.co_firstlineno,
        co_name=function.__code__.co_name,
        co_qualname=function.__code__.co_qualname,
    )
    _made.add(wrapper)
    return wrapper
