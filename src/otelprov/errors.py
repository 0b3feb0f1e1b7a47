# SPDX-License-Identifier: Apache-2.0
"""Every error that a user can meet, each with the exit status of the command line."""


class OtelprovError(Exception):
    """Something went wrong that the user can act on; the message says what was found and what to do next."""

    exit_status = 1


class UsageError(OtelprovError):
    """A command, a selection or a setting was written wrongly."""

    exit_status = 2


class NotFoundError(OtelprovError):
    """Nothing in the store answers to the name that was given."""

    exit_status = 3


class BackendUnreachableError(OtelprovError):
    """An endpoint did not answer, or answered with something that it should not."""

    exit_status = 4


class PartialError(OtelprovError):
    """Some of the input was taken, and some could not be."""

    exit_status = 5
