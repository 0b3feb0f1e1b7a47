# SPDX-License-Identifier: Apache-2.0
"""The application: `uvicorn --app-dir src flowers.app:app`."""

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from flowers import store

app = FastAPI(title="Flowers")


class Flower(BaseModel):
    """A flower that was measured, in centimetres."""

    petal_length: float
    petal_width: float


@app.post("/flowers", status_code=201)
def add(flower: Flower) -> dict[str, int]:
    """Keep a measured flower."""
    return {"id": store.insert(flower.petal_length, flower.petal_width)}


@app.get("/flowers/{flower_id}")
async def show(flower_id: int) -> dict[str, float]:
    """Show a flower."""
    found = store.find(flower_id)
    if found is None:
        raise HTTPException(404, f"no flower {flower_id}")
    return {"petal_length": found[0], "petal_width": found[1]}


@app.post("/reports/{name}")
def write_report(name: str) -> dict[str, int]:
    """Compare all flowers with the data set and write the result to reports/NAME.json."""
    # Loaded when the first report is asked for: most visitors never do.
    from flowers import report

    return {"flowers": report.write(name)}
