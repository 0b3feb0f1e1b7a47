# SPDX-License-Identifier: Apache-2.0
"""Workbooks that openpyxl loads and saves."""

import io
import pathlib

import openpyxl
import pandas as pd
import pytest
from model_plots import comes_from, record_models, written  # noqa: F401
from table_plots import edges


@pytest.fixture
def book(recorded):
    pd.read_csv("plots.csv").to_excel("book.xlsx", index=False)
    return "book.xlsx"


def test_a_workbook_is_followed_from_load_to_save(recorded, book):
    loaded = openpyxl.load_workbook(book)
    loaded.active["A1"] = "changed"
    loaded.save(filename=pathlib.Path("changed.xlsx"))
    assert [span.name for span in recorded.io()][2:] == ["read book.xlsx", "write changed.xlsx"]
    # What was put into its cells, nobody knows.
    assert written(recorded)["changed.xlsx"] == (["book.xlsx"], False)
    assert recorded.io()[-1].attributes["provenance.entity.format"] == "excel"


def test_a_new_workbook_may_come_from_anything_that_was_read(recorded):
    made = openpyxl.Workbook()
    made.active.append([float(pathlib.Path("plots.csv").read_text()[-4])])
    made.save("made.xlsx")
    assert edges(recorded) == {("plots.csv", "made.xlsx", "order")}


@pytest.mark.parametrize("open_it", [lambda path: path.open("rb"), lambda path: io.BytesIO(path.read_bytes())])
def test_a_file_object_is_one_edge(recorded, book, open_it):
    with open_it(pathlib.Path(book)) as file:
        assert comes_from(openpyxl.load_workbook(file))[0] == ["book.xlsx"]
    assert [span.name for span in recorded.io()][2:] == ["read book.xlsx"]


def test_a_buffer_takes_what_a_workbook_has(recorded, book):
    buffer = io.BytesIO()
    openpyxl.load_workbook(book).save(buffer)
    with open("copy.xlsx", "wb") as file:
        file.write(buffer.getvalue())
    assert written(recorded)["copy.xlsx"] == (["book.xlsx"], False)


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize(
    "rows", [lambda sheet: sheet.values, lambda sheet: sheet.iter_rows(values_only=True)], ids=["values", "iter_rows"]
)
def test_rows_are_followed_into_a_frame(recorded, book, read_only, rows):
    loaded = openpyxl.load_workbook(book, read_only=read_only)
    found = rows(loaded.active)
    head = next(found)
    table = pd.DataFrame(found, columns=head)
    assert list(table) == ["area", "tons", "large"]
    # One that is only read can't have been changed.
    assert comes_from(table) == (["book.xlsx"], read_only)
    loaded.close()


def test_a_frame_read_or_written_by_pandas_is_still_one_edge(recorded, book):
    pd.read_excel(book).to_excel("again.xlsx")
    with pd.ExcelWriter("sheets.xlsx", engine="openpyxl") as writer:
        pd.read_csv("fields.csv").to_excel(writer, sheet_name="a")
        pd.read_csv("plots.csv").to_excel(writer, sheet_name="b")
    names = [span.name for span in recorded.io()]
    assert sorted(names) == [
        *("read book.xlsx", "read fields.csv", "read plots.csv", "read plots.csv"),
        *("write again.xlsx", "write book.xlsx", "write sheets.xlsx"),
    ]


def test_a_failed_load_is_no_read_and_its_error_is_the_libraries_own(recorded):
    with pytest.raises(openpyxl.utils.exceptions.InvalidFileException, match=r"does not support \.csv"):
        openpyxl.load_workbook("plots.csv")
    with pytest.raises(FileNotFoundError):
        openpyxl.load_workbook("missing.xlsx")
    assert recorded.io() == []
