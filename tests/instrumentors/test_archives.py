# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: SIM115 - handles of archives are chosen first and entered later
"""Members of archives: what they come from, what comes from them, and what an archive is made of."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import zipfile
from pathlib import Path

import pandas
import pytest
from file_plots import digest, make, recorded, sources  # noqa: F401
from instrumented import instrumented

from otelprov.capture.disk.handles import handle_origins
from otelprov.capture.disk.members import MOST_MEMBERS
from otelprov.capture.inside import quietly
from otelprov.semconv import names
from otelprov_instrumentors.pandas import PandasInstrumentor
from otelprov_instrumentors.tarfile import TarfileInstrumentor
from otelprov_instrumentors.zipfile import ZipfileInstrumentor

ROWS = "day,amount\n" + "".join(f"{day},{day * 3}\n" for day in range(40))


@pytest.fixture(autouse=True)
def observed(recorded):
    """ZIP, tar and pandas are observed, too."""
    with instrumented(ZipfileInstrumentor, TarfileInstrumentor, PandasInstrumentor):
        yield


def given_zip(path, **members):
    """An archive that was there before."""
    with quietly(), zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def given_tar(path, **members):
    with quietly(), tarfile.open(path, "w:gz" if path.endswith("gz") else "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 1_700_000_000
            archive.addfile(info, io.BytesIO(content.encode()))


def edges(recorded):
    """Each write with its sources, as last parts of names."""
    return [(span.name, sources(span)) for span in recorded.io() if not span.name.startswith(("read", "delete"))]


def entity(span):
    return span.attributes[names.PROVENANCE_ENTITY_NAMESPACE], span.attributes[names.PROVENANCE_ENTITY_NAME]


def test_a_member_that_is_read_comes_from_its_archive(recorded):
    given_zip("a.zip", **{"in/orders.csv": ROWS, "other.csv": "unused"})
    with zipfile.ZipFile("a.zip") as archive, archive.open("in/orders.csv") as member:
        assert type(member) is zipfile.ZipExtFile
        pandas.read_csv(member).to_csv("out.csv")
    assert recorded.names() == ["read a.zip", "unpack orders.csv", "read orders.csv", "write out.csv"]
    whole, unpacked, read, write = recorded.io()
    place = os.path.realpath("a.zip")
    assert entity(whole) == ("file", place)
    assert entity(unpacked) == entity(read) == ("file", f"{place}!/in/orders.csv")
    assert sources(unpacked) == ["a.zip"]
    assert sources(write) == ["orders.csv"]
    assert write.attributes[names.PROVENANCE_FLOW_COMPLETE] is True
    [version] = {span.attributes[names.PROVENANCE_ENTITY_VERSION] for span in (unpacked, read)}
    assert version.startswith("crc32:")
    assert version.endswith(f"-{len(ROWS)}")


def test_a_member_is_unpacked_once_and_read_as_often_as_it_is(recorded):
    given_zip("a.zip", x=ROWS)
    with zipfile.ZipFile("a.zip") as archive:
        for _ in range(3):
            archive.read("x")
        archive.read(archive.getinfo("x"))
        Path(archive.extract("x", "out"))
    assert recorded.names() == ["read a.zip", "unpack x", "read x", "read x", "read x", "write x"]


def test_of_very_many_members_the_archive_is_named(recorded):
    many = {f"m{number}": f"{ROWS}{number}" for number in range(MOST_MEMBERS + 2)}
    given_zip("a.zip", **many)
    with zipfile.ZipFile("a.zip") as archive:
        archive.extractall("out")
    found = [edge for edge in edges(recorded) if edge[0].startswith("write")]
    assert found[:2] == [("write m0", ["m0"]), ("write m1", ["m1"])]
    assert found[MOST_MEMBERS:] == [(f"write m{number}", ["a.zip"]) for number in (MOST_MEMBERS, MOST_MEMBERS + 1)]
    with zipfile.ZipFile("b.zip", "w") as archive:
        for name in many:
            archive.write(f"out/{name}")
    assert len([span for span in recorded.io() if "b.zip!/" in entity(span)[1]]) == MOST_MEMBERS
    assert sum(len(sources(span)) for span in recorded.io() if span.name == "write b.zip") == MOST_MEMBERS + 2


def test_bytes_of_a_member_are_known_again(recorded):
    given_zip("a.zip", x=ROWS)
    with zipfile.ZipFile("a.zip") as archive:
        content = archive.read("x")
    pandas.read_csv(io.BytesIO(content)).to_csv("frame.csv")
    Path("copy").write_bytes(content)
    assert edges(recorded)[1:] == [("write frame.csv", ["x"]), ("write copy", ["x"])]


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_extracted_files_come_from_their_members(recorded, kind):
    given = given_zip if kind == "zip" else given_tar
    given(f"a.{kind}", **{"d/x": ROWS, "y": ROWS + "y"})
    opened = zipfile.ZipFile(f"a.{kind}") if kind == "zip" else tarfile.open(f"a.{kind}")
    with opened as archive:
        if kind == "zip":
            archive.extractall("out")
        else:
            archive.extractall("out", filter="data")
    assert edges(recorded) == [
        ("unpack x", [f"a.{kind}"]),
        ("write x", ["x"]),
        ("unpack y", [f"a.{kind}"]),
        ("write y", ["y"]),
    ]
    written = [span for span in recorded.io() if span.name == "write x"]
    assert entity(written[0]) == ("file", os.path.realpath("out/d/x"))
    assert written[0].attributes[names.PROVENANCE_ENTITY_VERSION] == digest("out/d/x")
    assert [event.attributes.get(names.PROVENANCE_ENTITY_NAME) for event in written[0].events[1:]] == [
        os.path.realpath(f"a.{kind}") + "!/d/x"
    ]


@pytest.mark.parametrize("kind", ["zip", "gztar"])
def test_a_tree_packed_and_unpacked_keeps_each_files_own_source(recorded, kind):
    os.mkdir("tree")
    make("tree/x", ROWS)
    make("tree/y", ROWS + "y")
    archive = shutil.make_archive("packed", kind, "tree")
    shutil.unpack_archive(archive, "out", **({} if kind == "zip" else {"filter": "data"}))
    found = edges(recorded)
    name = os.path.basename(archive)
    # The members were written here, so they come from the files and not from whatever is in the archive.
    assert found == [
        ("write x", ["x"]),
        ("write y", ["y"]),
        (f"write {name}", ["x", "y"]),
        ("write x", ["x"]),
        ("write y", ["y"]),
    ]
    members = [entity(span)[1] for span in recorded.io() if span.name.startswith("write")][:2]
    assert members == [f"{os.path.realpath(archive)}!/{name}" for name in ("x", "y")]
    packed = next(span for span in recorded.io() if span.name == f"write {name}")
    assert packed.attributes[names.PROVENANCE_FLOW_COMPLETE] is True


def test_an_archive_comes_from_what_was_added_in_any_way(recorded):
    make("x", ROWS)
    make("in.csv", ROWS + "1,1\n")
    frame = pandas.read_csv("in.csv")
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.write("x")
        archive.writestr("text.csv", frame.to_csv())
        with archive.open("handle.csv", "w") as member:
            frame.to_csv(member)
    assert edges(recorded) == [
        ("write x", ["x"]),
        ("write text.csv", ["in.csv"]),
        ("write handle.csv", ["in.csv"]),
        ("write a.zip", ["in.csv", "x"]),
    ]
    assert recorded.io()[-1].attributes[names.PROVENANCE_FLOW_COMPLETE] is True
    with zipfile.ZipFile("a.zip", "a") as archive:
        archive.writestr("note.txt", "something that nobody knows about " * 5)
    added, whole = recorded.io()[-2:]
    assert (added.name, whole.name) == ("write note.txt", "write a.zip")
    assert names.PROVENANCE_FLOW_COMPLETE not in added.attributes
    assert names.PROVENANCE_FLOW_COMPLETE not in whole.attributes


def test_a_tar_comes_from_what_was_added(recorded):
    make("x", ROWS)
    buffer = io.BytesIO()
    make("in.csv", ROWS + "1,1\n")
    pandas.read_csv("in.csv").to_csv(buffer)
    with tarfile.open("a.tar.gz", "w:gz") as archive:
        archive.add("x")
        info = tarfile.TarInfo("frame.csv")
        info.size = buffer.tell()
        buffer.seek(0)
        archive.addfile(info, buffer)
    assert edges(recorded) == [
        ("write x", ["x"]),
        ("write frame.csv", ["in.csv"]),
        ("write a.tar.gz", ["in.csv", "x"]),
    ]


def test_members_of_a_tar_that_is_read(recorded):
    given_tar("a.tar.gz", **{"./d/x.csv": ROWS})
    with tarfile.open("a.tar.gz") as archive:
        with archive.extractfile("./d/x.csv") as member:
            assert type(member) is tarfile.ExFileObject
            pandas.read_csv(member).to_csv("one.csv")
        pandas.read_csv(archive.extractfile(archive.getmembers()[0])).to_csv("two.csv")
        with pytest.raises(KeyError):
            archive.extractfile("missing")
    assert edges(recorded) == [
        ("unpack x.csv", ["a.tar.gz"]),
        ("write one.csv", ["x.csv"]),
        ("write two.csv", ["x.csv"]),
    ]
    assert entity(recorded.io()[1])[1] == os.path.realpath("a.tar.gz") + "!/d/x.csv"


def test_a_document_that_is_an_archive_inside_is_one_thing(recorded):
    make("x", ROWS)
    with zipfile.ZipFile("a.docx", "w") as archive:
        archive.write("x")
    with zipfile.ZipFile("a.docx") as archive:
        pandas.read_csv(archive.open("x")).to_csv("out.csv")
    assert edges(recorded) == [("write a.docx", ["x"]), ("write out.csv", ["a.docx"])]


def test_an_archive_in_an_archive(recorded):
    inner = io.BytesIO()
    with quietly(), zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("x.csv", ROWS)
    with quietly(), zipfile.ZipFile("a.zip", "w") as archive:
        archive.writestr("inner.zip", inner.getvalue())
    with zipfile.ZipFile("a.zip") as outer, outer.open("inner.zip") as file, zipfile.ZipFile(file) as archive:
        pandas.read_csv(archive.open("x.csv")).to_csv("out.csv")
    assert edges(recorded) == [
        ("unpack inner.zip", ["a.zip"]),
        ("unpack x.csv", ["inner.zip"]),
        ("write out.csv", ["x.csv"]),
    ]
    assert entity(recorded.io()[-2])[1] == os.path.realpath("a.zip") + "!/inner.zip!/x.csv"


def test_an_archive_in_memory_has_no_name_but_its_sources(recorded):
    given_zip("a.zip", x=ROWS)
    buffer = io.BytesIO(Path("a.zip").read_bytes())
    with zipfile.ZipFile(buffer) as archive, archive.open("x") as member:
        assert handle_origins(member) is None
        assert member.read() == ROWS.encode()
    with zipfile.ZipFile(io.BytesIO(), "w") as archive:
        archive.writestr("x", ROWS)
    assert recorded.names() == ["read a.zip"]


def test_folders_links_and_errors_are_none_of_our_business(recorded):
    with quietly(), zipfile.ZipFile("a.zip", "w") as archive:
        archive.writestr("d/", "")
        archive.writestr("d/x", ROWS)
    with quietly(), tarfile.open("a.tar", "w") as archive:
        for name, kind in (("d", tarfile.DIRTYPE), ("link", tarfile.SYMTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "d"
            archive.addfile(info)
    with zipfile.ZipFile("a.zip") as archive:
        archive.extractall("out")
        with pytest.raises(KeyError):
            archive.open("missing")
        with pytest.raises(RuntimeError):
            raise_on_close(archive)
    with tarfile.open("a.tar") as archive:
        archive.extractall("out", filter="data")
        assert archive.extractfile("d") is None
    with zipfile.ZipFile("b.zip", "w") as archive:
        archive.mkdir("d")
    assert edges(recorded) == [("unpack x", ["a.zip"]), ("write x", ["x"]), ("write b.zip", [])]


def raise_on_close(archive):
    with archive.open("d/x"):
        raise RuntimeError("the program's own")
