# SPDX-License-Identifier: Apache-2.0
"""Prints all flowers: `python -m flowers.tools.dump`."""

from flowers import store

if __name__ == "__main__":
    for row in store.everything():
        print(*row, sep=",")
