# SPDX-License-Identifier: Apache-2.0
"""The main job, shown: run the three-process example observed, then ask where its model comes from.

Usage: python examples/demo.py [FOLDER]     (default: demo-out)
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parent / "pipeline"
BIN = Path(sys.executable).parent
STEPS = ("prepare.py", "features.py", "train.py")


def main() -> int:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "demo-out").resolve()
    shutil.rmtree(folder, ignore_errors=True)
    project = folder / "pipeline"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("__pycache__"))
    environment = {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
        "OTELPROV_HOME": str(folder / "home"),
    }

    def run(*command: str) -> None:
        print("$ " + " ".join(command), flush=True)
        subprocess.run(command, cwd=project, env=environment, check=True)

    subprocess.run([str(BIN / "python"), "get_data.py"], cwd=project, env=environment, check=True)
    for script in STEPS:
        run("opentelemetry-instrument", "python", script)
    print()
    run("otelprov", "lineage", "+model.joblib")
    print(f"\nAsk more, in {project}:  export OTELPROV_HOME={folder / 'home'}; otelprov runs")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
