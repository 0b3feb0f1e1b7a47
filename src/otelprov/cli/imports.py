# SPDX-License-Identifier: Apache-2.0
"""`otelprov imports`: what a run imported and what it cost, and which files no run loaded."""

from __future__ import annotations

from collections.abc import Iterator

import click

from otelprov import config
from otelprov.cli.loaded import Loaded, import_tree, loaded_modules, summary
from otelprov.cli.output import json_option, note, styled, table, write_json, write_lines
from otelprov.cli.stored import up_to_date_store
from otelprov.errors import NotFoundError
from otelprov.export.branches import branches
from otelprov.export.text import SECOND, counted, duration, printable


class _RunOrCommand(click.Group):
    """`imports unused` is a command; `imports` with anything else is about that run."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            args = ["of", *args]
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Say what the two forms are; `of` is how the first is found, nobody has to write it."""
        with formatter.section("Forms"):
            formatter.write_dl(
                [
                    ("RUN [--summary] [--json]", "What the run imported, as a tree with the time each took."),
                    ("unused --root SRC [--run RUN]... [--json]", "Source files below SRC that no run loaded."),
                ]
            )


@click.group(cls=_RunOrCommand, subcommand_metavar="RUN | unused --root SRC", options_metavar="")
def imports() -> None:
    """Show what a run imported, or which files no run loaded.

    \b
    Example:
      otelprov imports 7c1e
      otelprov imports 7c1e --summary
      otelprov imports unused --root src

    RUN is the beginning of a run's id; 'last' is the newest run. Libraries are shown as a whole, the modules
    of the project one by one. The time of a module includes what it imported.
    """


@imports.command("of", hidden=True, options_metavar="[--summary] [--json]")
@click.argument("run_id", metavar="RUN")
@click.option("--summary", "summarised", is_flag=True, help="One line per distribution, the costliest first.")
@json_option
def of_run(run_id: str, summarised: bool, as_json: bool) -> None:
    """Show what a run imported, as a tree with the time each took.

    \b
    Example:
      otelprov imports 7c1e --summary
    """
    with up_to_date_store() as store:
        run = store.run(run_id).summary
        modules = loaded_modules(store.modules(run.run_id))
    if as_json:
        key, rows = ("distributions", summary(modules)) if summarised else ("modules", modules)
        write_json({"run_id": run.run_id, "run_name": run.name, key: [row.as_json() for row in rows]})
    elif summarised:
        write_lines(_summary_lines(modules))
    else:
        write_lines(_tree_lines(f"{run.name}  run {run.run_id[:8]}", modules))


@imports.command("unused")
@click.option("--root", required=True, metavar="SRC", help="Folder that holds the source.")
@click.option("--run", "run_ids", multiple=True, metavar="RUN", help="Ask only this run; may be given again.")
@json_option
@click.pass_context
def unused(ctx: click.Context, root: str, run_ids: tuple[str, ...], as_json: bool) -> None:
    """List the source files below SRC that no run loaded.

    \b
    Example:
      otelprov imports unused --root src
      otelprov imports unused --root src --run 7c1e --run 7c1d

    Every .py file counts, __init__.py too; hidden folders, caches and virtual environments do not. Exit
    status 1 when there are such files.
    """
    from otelprov.cli.unused import unused_files

    with up_to_date_store() as store:
        runs = [store.run(run_id).summary for run_id in run_ids] if run_ids else store.runs(limit=None)
        if not runs:
            raise NotFoundError("looking for unused files: no run is recorded yet; record one: otelprov run -- CMD")
        modules = store.modules_of({run.run_id for run in runs})
    loaded = {module.file for module in modules if not module.error} | {run.code_file for run in runs}
    files, total = unused_files(root, loaded)
    if total and len(files) == total:
        note(f"none of these runs recorded a module of {root} by name; is it below {config.IMPORTS_ROOT.variable}?")
    if as_json:
        write_json({"root": root, "runs": len(runs), "files": total, "unused": files})
    else:
        write_lines(printable(path) for path in files)
        note(f"{len(files):,} of {counted(total, 'file')} not loaded by {counted(len(runs), 'run')}")
    ctx.exit(1 if files else 0)


def _tree_lines(title: str, modules: list[Loaded]) -> Iterator[str]:
    children = import_tree(modules)

    def expand(module: Loaded | None) -> tuple[str, list[Loaded | None]]:
        text = styled(printable(title), "name") if module is None else _line(module)
        return text, list(children.get(module.name if module else "", ()))

    yield from branches(None, expand)
    own = sum(1 for module in modules if not module.purl)
    count = sum(module.count for module in modules)
    libraries = len({module.purl for module in modules if module.purl})
    yield f"{counted(count, 'module')}: {own:,} of its own, the others from {counted(libraries, 'library')}"


def _line(module: Loaded) -> str:
    words = [styled(printable(module.name), "name")]
    if module.purl:
        words.append(printable(module.version))
    if module.count > 1:
        words.append(counted(module.count, "module"))
    if module.seconds >= 0:
        words.append(duration(round(module.seconds * SECOND)))
    if module.style not in {"", "top-level"}:
        words.append(styled(f"({printable(module.style)})", "faint"))
    if module.error:
        words.append(styled(f"failed: {printable(module.error)}", "bad"))
    return "  ".join(word for word in words if word)


def _summary_lines(modules: list[Loaded]) -> Iterator[str]:
    rows = [
        (row.name, row.version, f"{row.modules:,}", duration(round(row.seconds * SECOND)), ", ".join(row.importers[:3]))
        for row in summary(modules)
    ]
    yield from table(("distribution", "version", "modules", "time", "imported by"), rows)
