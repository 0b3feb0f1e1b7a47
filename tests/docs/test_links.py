# SPDX-License-Identifier: Apache-2.0
"""Links from page to page lead somewhere."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
FOREIGN = ("http://", "https://", "mailto:")


def pages() -> list[Path]:
    skipped = {"node_modules", "demo-out", "build", "dist"}
    found = [path for path in ROOT.rglob("*.md") if not skipped & set(path.relative_to(ROOT).parts)]
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(ROOT).parts))


def text_of(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as forges make them."""
    titles = re.findall(r"^#+ +(.+?) *$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_relative_links_resolve():
    broken = []
    for page in pages():
        for link in LINK.findall(text_of(page)):
            if link.startswith(FOREIGN):
                continue
            file, _, anchor = link.partition("#")
            target = (page.parent / file).resolve() if file else page
            if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
                broken.append(f"{page.relative_to(ROOT)}: {link}")
    assert broken == []


def test_every_page_is_in_the_table_of_contents():
    docs = ROOT / "docs"
    listed = {(docs / link.partition("#")[0]).resolve() for link in LINK.findall(text_of(docs / "README.md"))}
    assert {page for page in docs.rglob("*.md") if page.name != "README.md"} - listed == set(docs.glob("adr/[0-9]*.md"))


def test_pages_name_no_address_but_of_loopback_and_examples():
    allowed = re.compile(
        r"https?://(localhost|127\.0\.0\.1|host\b|[\w.-]*\.example\b|keepachangelog\.com|otelprov\.dev/schemas/)"
    )
    wrong = []
    for page in pages():
        for address in re.findall(r"https?://[^\s)>`'\"]+", page.read_text(encoding="utf-8")):
            if not allowed.match(address):
                wrong.append(f"{page.relative_to(ROOT)}: {address}")
    assert wrong == []


def test_no_path_of_the_machine_that_wrote_a_page_is_in_it():
    assert [str(page) for page in pages() if str(ROOT) + "/" in page.read_text(encoding="utf-8")] == []
