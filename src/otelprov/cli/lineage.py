# SPDX-License-Identifier: Apache-2.0
"""`otelprov lineage`: where something comes from and what came from it."""

from __future__ import annotations

import click

from otelprov.cli.output import json_option, note, styled, write_json, write_lines
from otelprov.cli.stored import describe_runs, up_to_date_store
from otelprov.export.text import printable


@click.command()
@click.argument("selection")
@click.option(
    "--format",
    "form",
    type=click.Choice(["tree", "json", "mermaid", "dot"]),
    default="tree",
    show_default=True,
    help="What to write.",
)
@click.option(
    "--level",
    type=click.Choice(["entity", "column", "run"]),
    default="entity",
    show_default=True,
    help="Show entities and runs, columns, or runs alone.",
)
@click.option("--hops", type=click.IntRange(min=0), help="Go no further than this many steps.")
@click.option("--all", "everything", is_flag=True, help="List like siblings one by one instead of folding them.")
@json_option
def lineage(selection: str, form: str, level: str, hops: int | None, everything: bool, as_json: bool) -> None:
    """Show where something comes from and what came from it.

    \b
    Example:
      otelprov lineage +model.pkl            all that model.pkl comes from
      otelprov lineage raw.csv+              all that came from raw.csv
      otelprov lineage 1+model.pkl+1         one step each way
      otelprov lineage +totals.csv#amount    what one column comes from
      otelprov lineage 'raw.csv+ and +model.pkl' --format mermaid

    SELECTION is a path, a name, a pattern such as '*.csv', a table, or the id of a run, with + on the side
    on which to go on; with # and the name of a column behind it, that column. What has been recorded since the
    last time is taken in first; no server is needed.
    """
    from otelprov.lineage.query import lineage as ask

    with up_to_date_store() as store:
        graph = ask(store, selection, level=level, hops=hops)
        describe_runs(store, graph)
    if as_json or form == "json":
        write_json(graph.as_json())
    elif form == "dot":
        from otelprov.export import dot

        write_lines(dot.draw(graph))
    elif form == "mermaid":
        from otelprov.export import mermaid

        write_lines(mermaid.draw(graph))
    else:
        from otelprov.export import tree

        write_lines(tree.draw(graph, fold=not everything, style=styled))
    if form != "tree" or as_json:
        for reason in graph.missing:
            note(f"incomplete: {printable(reason)}")
