# SPDX-License-Identifier: Apache-2.0
"""Runs a script with autolineage at work and leaves the records of it in a folder; for benchmarks/evaluate.py.

Usage: PEER_PYTHON benchmarks/evaluate_autolineage.py FOLDER SCRIPT [ARGUMENT ...]
"""

from __future__ import annotations

import json
import os
import runpy
import sys

import autolineage.auto

folder, *command = sys.argv[1:]
sys.argv = command
sys.path[0] = os.getcwd()
try:
    runpy.run_path(command[0], run_name="__main__")
finally:
    graph = autolineage.auto.get_tracker().get_full_graph()
    records = [
        [edge["operation"], edge["parent_ids"], edge["child_id"], edge["metadata"].get("filepath")]
        for edge in graph["edges"]
    ]
    with open(os.path.join(folder, f"{os.getpid()}.json"), "w") as file:
        json.dump(records, file, default=str)
