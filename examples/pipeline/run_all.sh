#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The whole pipeline, each script observed as a run of its own. LAUNCHER= runs it unobserved.
set -eu
cd "$(dirname "$0")"
launcher="${LAUNCHER-opentelemetry-instrument}"
python get_data.py
for script in prepare.py features.py train.py; do
    # Left unquoted on purpose: an empty launcher is no word.
    $launcher python "$script"
done
