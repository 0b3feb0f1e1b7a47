# SPDX-License-Identifier: Apache-2.0
"""Generate constants, the registry table and the reference page from semconv/registry.

Usage: python semconv/generate.py [--check]

`--check` writes nothing and exits 1 when a generated file is not what the registry gives.
"""

from __future__ import annotations

import pprint
import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
LICENCE_LINE = "# SPDX-License-Identifier: Apache-2.0\n"
GENERATED = "Generated from semconv/registry by semconv/generate.py: change the registry, not this file."


def load() -> dict[str, Any]:
    """Read every registry file into one document: attributes, spans, events, entities, schema_url."""
    merged: dict[str, Any] = {"attributes": [], "spans": [], "events": [], "entities": []}
    for path in sorted((HERE / "registry").glob("*.yaml")):
        document = yaml.safe_load(path.read_text())
        if path.name == "manifest.yaml":
            merged["schema_url"] = document["schema_url"]
            continue
        if document.get("file_format") != "definition/2":
            raise SystemExit(f"{path}: file_format must be definition/2, found {document.get('file_format')!r}")
        for key in ("attributes", "spans", "events", "entities"):
            merged[key] += document.get(key, [])
    merged["reused"] = yaml.safe_load((HERE / "reused.yaml").read_text())
    known = {attribute["key"] for attribute in merged["attributes"]} | set(merged["reused"])
    for group in [*merged["spans"], *merged["events"]]:
        for reference in group["attributes"]:
            if reference["ref"] not in known:
                raise SystemExit(f"{group.get('type') or group.get('name')}: unknown attribute {reference['ref']!r}")
    return merged


def constant(name: str) -> str:
    return name.upper().replace(".", "_").replace("-", "_")


def names_module(registry: dict[str, Any]) -> str:
    out = [LICENCE_LINE, f'"""Names of attributes, spans and events. {GENERATED}"""\n\n']
    out.append(f'SCHEMA_URL = "{registry["schema_url"]}"\n\n# Attributes of ours\n')
    for attribute in registry["attributes"]:
        out.append(f'{constant(attribute["key"])} = "{attribute["key"]}"\n')
        if isinstance(attribute["type"], dict):
            for member in attribute["type"]["members"]:
                value = member["value"]
                out.append(f'{constant(attribute["key"] + "." + value)} = "{value}"\n')
    out.append("\n# Attributes of OpenTelemetry that we use\n")
    out += [f'{constant(key)} = "{key}"\n' for key in registry["reused"]]
    out.append("\n# Events\n")
    out += [f'EVENT_{constant(event["name"])} = "{event["name"]}"\n' for event in registry["events"]]
    return "".join(out)


def attributes_module(registry: dict[str, Any]) -> str:
    attributes: dict[str, Any] = {}
    for attribute in registry["attributes"]:
        kind = attribute["type"]
        attributes[attribute["key"]] = (
            {"type": "string", "members": [member["value"] for member in kind["members"]]}
            if isinstance(kind, dict)
            else {"type": kind}
        )
    attributes |= {key: {"type": kind} for key, kind in registry["reused"].items()}
    return tables_module(
        "Attributes of the registry with their types", {"ATTRIBUTES: dict[str, dict[str, Any]]": attributes}
    )


def signals_module(registry: dict[str, Any]) -> str:
    def group(document: dict[str, Any]) -> dict[str, list[str]]:
        return {
            "required": [r["ref"] for r in document["attributes"] if r["requirement_level"] == "required"],
            "allowed": [r["ref"] for r in document["attributes"]],
        }

    resource = [r["ref"] for e in registry["entities"] for r in [*e["identity"], *e["description"]]]
    tables = {
        "SPANS: dict[str, dict[str, list[str]]]": {
            s["type"].removeprefix("provenance."): group(s) for s in registry["spans"]
        },
        "EVENTS: dict[str, dict[str, list[str]]]": {e["name"]: group(e) for e in registry["events"]},
        "RESOURCE: list[str]": resource,
    }
    return tables_module("What spans, events and resources of the registry have", tables)


def tables_module(what: str, tables: dict[str, Any]) -> str:
    out = [LICENCE_LINE, f'"""{what}, for the validator. {GENERATED}"""\n']
    if any("Any" in name for name in tables):
        out.append("\nfrom typing import Any\n")
    for name, value in tables.items():
        out.append(f"\n{name} = {pprint.pformat(value, width=118, sort_dicts=False)}\n")
    return "".join(out)


def reference_page(registry: dict[str, Any]) -> str:
    out = ["# Semantic conventions\n\n", f"{GENERATED}\n\nSchema URL: `{registry['schema_url']}`\n\n## Attributes\n\n"]
    out.append("| attribute | type | meaning | examples |\n| --- | --- | --- | --- |\n")
    for attribute in registry["attributes"]:
        kind = attribute["type"]
        shown = " \\| ".join(f"`{m['value']}`" for m in kind["members"]) if isinstance(kind, dict) else kind
        examples = ", ".join(f"`{example!r}`" for example in attribute.get("examples", []))
        out.append(f"| `{attribute['key']}` | {shown} | {attribute['brief']} | {examples} |\n")
    out.append("\nReused from OpenTelemetry: " + ", ".join(f"`{key}`" for key in registry["reused"]) + ".\n")
    for title, groups in (("Spans", registry["spans"]), ("Events", registry["events"])):
        out.append(f"\n## {title}\n")
        for group in groups:
            out.append(f"\n### `{group.get('type') or group['name']}`\n\n{group['brief']}\n")
            if "name" in group and isinstance(group["name"], dict):
                out.append(f"\nSpan name: {group['name']['note']}.\n")
            for level in ("required", "recommended"):
                listed = [f"`{r['ref']}`" for r in group["attributes"] if r["requirement_level"] == level]
                if listed:
                    out.append(f"\n{level.capitalize()}: {', '.join(listed)}.\n")
    return "".join(out)


def main() -> int:
    registry = load()
    targets = {
        ROOT / "src/otelprov/semconv/names.py": names_module(registry),
        ROOT / "src/otelprov/semconv/attributes.py": attributes_module(registry),
        ROOT / "src/otelprov/semconv/signals.py": signals_module(registry),
        ROOT / "docs/reference/semconv.md": reference_page(registry),
    }
    stale = [path for path, text in targets.items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is stale: run python semconv/generate.py", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(targets[path])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
