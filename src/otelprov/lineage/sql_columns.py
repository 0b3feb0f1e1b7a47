# SPDX-License-Identifier: Apache-2.0
"""Which columns of what a statement writes come from which columns of what it reads, and how; and what it defines."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from otelprov.lineage import sql_relations as model
from otelprov.lineage import sqlite_names
from otelprov.lineage.sql_queries import Queries, TooDeep
from otelprov.lineage.sql_relations import NONE, WHOLE, Output, Relation, Scope, Source, Sources, through
from otelprov.lineage.sql_trees import DIALECTS, tree_of

SAME, EVERY = "*", ""
# The rows that a query gives back have no table.
RESULT = ""
Edge = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Columns:
    """What a statement does to columns.

    `edges` are (written table, its column, read table, its column, how): as output column EVERY for an effect on all,
    SAME for all those that no other edge names, and as input column SAME for the one of that name and WHOLE where
    nobody can tell which one it is. `defined` holds (table, its columns in order, None where not known) of tables that
    were made; `gone` those that were removed. `understood` is false where no parser took the statement apart.
    """

    edges: tuple[Edge, ...] = ()
    defined: tuple[tuple[str, tuple[str, ...] | None], ...] = ()
    gone: tuple[str, ...] = ()
    understood: bool = True


_NOT_UNDERSTOOD = Columns(understood=False)


def columns_of(
    text: str, system: str, known: Callable[[str], Sequence[str] | None], name_of: Callable[[Any], str]
) -> Columns:
    """Take a statement apart; never raises. `known` gives the columns of a table, `name_of` its name from its node."""
    tree = tree_of(sqlite_names.in_common_form(text) if system == "sqlite" else text, system)
    if tree is None:
        return _NOT_UNDERSTOOD
    sqlglot = importlib.import_module("sqlglot")
    dialect = DIALECTS.get(system, system)
    try:
        return _Statement(sqlglot.exp, known, name_of, dialect).columns(tree.copy())
    except (TooDeep, RecursionError):
        return _NOT_UNDERSTOOD
    except Exception:
        # A tree of a shape that nobody has seen: its tables are known, its columns are not.
        logging.getLogger("otelprov").debug("columns of %r", text, exc_info=True)
        return _NOT_UNDERSTOOD


class _Statement:
    def __init__(
        self,
        expressions: Any,
        known: Callable[[str], Sequence[str] | None],
        name_of: Callable[[Any], str],
        dialect: str,
    ) -> None:
        self._e = expressions
        self._known = known
        self._name = name_of
        self._queries = Queries(expressions, known, name_of, dialect)

    def columns(self, tree: Any) -> Columns:
        e = self._e
        if isinstance(tree, e.Create):
            return self._create(tree)
        if isinstance(tree, e.Insert):
            return self._insert(tree)
        if isinstance(tree, e.Update):
            return self._update(tree)
        if isinstance(tree, e.Delete):
            return self._delete(tree)
        if isinstance(tree, e.Merge):
            return self._merge(tree)
        if isinstance(tree, e.Copy):
            return self._copy(tree)
        if isinstance(tree, e.Drop):
            tables = tree.args.get("tables") or [tree.this]
            return Columns(gone=tuple(self._name(table) for table in tables if isinstance(table, e.Table)))
        if isinstance(tree, e.Alter):
            return self._alter(tree)
        if isinstance(tree, (e.Query, e.Pivot, e.Table, e.Subquery, e.Values)):
            found = self._queries.query(tree, {})
            into = tree.args.get("into")
            if into is None:
                return Columns(tuple(_edges(RESULT, found)))
            found, name = _distinct(found), self._name(into.this)
            names = tuple(column.name for column in found.columns) if found.ordered else None
            return Columns(tuple(_edges(name, found)), defined=((name, names),))
        return _NOT_UNDERSTOOD

    def _create(self, tree: Any) -> Columns:
        e = self._e
        target, schema = self._target(tree.this)
        if target is None or (tree.args.get("kind") or "").upper() not in ("TABLE", "VIEW", ""):
            return Columns()
        name = self._name(target)
        query = tree.expression
        if query is None:
            likes = next(iter(tree.this.find_all(e.LikeProperty)), None) if schema is not None else None
            named = (e.ColumnDef, e.Identifier, e.Column)
            defined = tuple(item.name for item in schema.expressions if isinstance(item, named)) if schema else ()
            return Columns(defined=((name, defined if defined and likes is None else None),))
        found = self._queries.query(query, {})
        if schema is not None:
            found = found.renamed([item.name for item in schema.expressions])
        found = _distinct(found)
        names = tuple(column.name for column in found.columns) if found.ordered else None
        return Columns(tuple(_edges(name, found)), defined=((name, names),))

    def _target(self, node: Any) -> tuple[Any, Any]:
        """The table that is written, and the columns that are named with it."""
        e = self._e
        schema = node if isinstance(node, e.Schema) else None
        table = node.this if schema is not None else node
        return (table if isinstance(table, e.Table) else None), schema

    def _insert(self, tree: Any) -> Columns:
        target, schema = self._target(tree.this)
        if target is None:
            return _NOT_UNDERSTOOD
        name = self._name(target)
        common = self._queries.common_tables(tree, {})
        if tree.expression is None:
            return Columns()
        found = self._queries.query(tree.expression, common)
        written = [item.name for item in schema.expressions] if schema is not None else self._known(name)
        if not tree.args.get("by_name"):
            if written is None:
                # Which column goes where depends on an order that nobody knows.
                found = found.blurred()
            elif found.ordered and len(found.columns) <= len(written):
                found = found.renamed(written)
            else:
                found = Relation([Output(column, model.whole(found.tables)) for column in written], tables=found.tables)
        edges = list(_edges(name, found))
        edges += self._on_conflict(tree, name, found)
        return Columns(tuple(dict.fromkeys(edges)))

    def _on_conflict(self, tree: Any, name: str, found: Relation) -> Iterator[Edge]:
        conflict = tree.args.get("conflict")
        if conflict is None:
            return
        own = model.base(name, self._known(name))
        scope = Scope([("excluded", found), (name.rpartition(".")[2], own)])
        keys = NONE
        for key in conflict.args.get("conflict_keys") or ():
            # What is new meets what is there.
            at = key.this.name if key.this is not None else ""
            keys |= through((found.own(at) or NONE) | Scope([("", own)]).column("", at), model.JOIN)
        assigned = [item for item in conflict.expressions or () if isinstance(item, self._e.EQ)]
        for item in assigned:
            yield from _column_edges(name, item.this.name, self._queries.direct(item.expression, {}, scope) | keys)
        if not assigned:
            yield from _column_edges(name, EVERY, keys)

    def _update(self, tree: Any) -> Columns:
        name, scope, common = self._written(tree)
        if scope is None:
            return _NOT_UNDERSTOOD
        found = Relation()
        start = tree.args.get("from_") or tree.args.get("from")
        if start is not None:
            self._queries.add_source(start.this, common, scope)
            for join in start.this.args.get("joins") or () if not isinstance(start.this, self._e.Table) else ():
                self._queries.join(join, common, scope, found)
        for join in (*(tree.this.args.get("joins") or ()), *(tree.args.get("joins") or ())):
            self._queries.join(join, common, scope, found)
        conditions = self._conditions(tree, common, scope) | found.indirect
        edges: list[Edge] = []
        for item in tree.expressions:
            if isinstance(item, self._e.EQ):
                for column, sources in self._assigned(item, common, scope):
                    edges += _column_edges(name, column, sources | conditions)
        return Columns(tuple(dict.fromkeys(edges)))

    def _assigned(self, item: Any, common: dict[str, Relation], scope: Scope) -> Iterator[tuple[str, Sources]]:
        columns = [column.name for column in item.this.expressions or [item.this]]
        value = item.expression
        if len(columns) > 1 and isinstance(value, self._e.Subquery):
            found = self._queries.query(value, common, scope)
            if found.ordered and len(found.columns) == len(columns):
                for column, output in zip(columns, found.columns, strict=True):
                    yield column, output.sources | frozenset(found.indirect)
                return
        if len(columns) > 1 and len(value.expressions) == len(columns):
            for column, part in zip(columns, value.expressions, strict=True):
                yield column, self._queries.direct(part, common, scope)
            return
        sources = self._queries.direct(value, common, scope)
        yield from ((column, sources) for column in columns)

    def _delete(self, tree: Any) -> Columns:
        name, scope, common = self._written(tree)
        if scope is None:
            return _NOT_UNDERSTOOD
        found = Relation()
        for source in tree.args.get("using") or ():
            self._queries.add_source(source, common, scope)
        conditions = self._conditions(tree, common, scope) | found.indirect
        for alias, relation in scope.relations[1:]:
            conditions |= relation.indirect | (
                through(model.whole(relation.tables), model.FILTER) if not alias else NONE
            )
        return Columns(tuple(_column_edges(name, EVERY, conditions)))

    def _written(self, tree: Any) -> tuple[str, Scope | None, dict[str, Relation]]:
        common = self._queries.common_tables(tree, {})
        target = tree.this
        if not isinstance(target, self._e.Table):
            return "", None, common
        name = self._name(target)
        return name, Scope([(target.alias or target.name, model.base(name, self._known(name)))]), common

    def _conditions(self, tree: Any, common: dict[str, Relation], scope: Scope) -> Sources:
        where = tree.args.get("where")
        found = through(self._queries.direct(where, common, scope), model.FILTER) if where is not None else NONE
        for _, relation in scope.relations:
            found |= frozenset(relation.indirect)
        return found

    def _merge(self, tree: Any) -> Columns:
        name, scope, common = self._written(tree)
        if scope is None:
            return _NOT_UNDERSTOOD
        e = self._e
        self._queries.add_source(tree.args["using"], common, scope)
        on = tree.args.get("on")
        keys = through(self._queries.direct(on, common, scope), model.JOIN) if on is not None else NONE
        for column in tree.args.get("using_cond") or ():
            keys |= through(scope.column("", column.name), model.JOIN)
        keys |= frozenset(scope.relations[-1][1].indirect)
        edges: list[Edge] = []
        for when in tree.find_all(e.When):
            condition = when.args.get("condition")
            own = keys
            if condition is not None:
                own |= through(self._queries.direct(condition, common, scope), model.FILTER)
            action = when.args.get("then")
            edges += self._merged(action, name, own, common, scope)
        return Columns(tuple(dict.fromkeys(edges)))

    def _merged(
        self, action: Any, name: str, keys: Sources, common: dict[str, Relation], scope: Scope
    ) -> Iterator[Edge]:
        e = self._e
        if isinstance(action, e.Update):
            for item in action.expressions:
                if isinstance(item, e.EQ):
                    sources = self._queries.direct(item.expression, common, scope)
                    yield from _column_edges(name, item.this.name, sources | keys)
            if not action.expressions:
                yield from _column_edges(name, EVERY, model.whole(scope.relations[-1][1].tables) | keys)
        elif isinstance(action, e.Insert):
            values = action.expression.expressions if action.expression is not None else []
            given = action.this.expressions if action.this is not None else []
            names = [column.name for column in given] or self._known(name)
            if not values or names is None or len(names) < len(values):
                yield from _column_edges(name, EVERY, model.whole(scope.relations[-1][1].tables) | keys)
                return
            for column, value in zip(names, values, strict=False):
                yield from _column_edges(name, column, self._queries.direct(value, common, scope) | keys)
        else:
            yield from _column_edges(name, EVERY, keys)

    def _copy(self, tree: Any) -> Columns:
        e = self._e
        places = [file.name for file in tree.args.get("files") or ()]
        target, schema = self._target(tree.this)
        if len(places) != 1:
            return _NOT_UNDERSTOOD
        given = [column.name for column in schema.expressions] if schema is not None else []
        if not tree.args.get("kind"):
            if target is None:
                return Columns(tuple(_edges(places[0], _distinct(self._queries.query(tree.this, {})))))
            found = self._queries.query(e.select("*").from_(target.copy()), {})
            if given:
                scope = Scope([(target.name, found)])
                found = Relation([Output(name, scope.column("", name)) for name in given], tables=found.tables)
            return Columns(tuple(_edges(places[0], found)))
        if target is None:
            return _NOT_UNDERSTOOD
        name = self._name(target)
        written = given or self._known(name)
        source = model.base(places[0], self._known(places[0]))
        if written is None or not source.ordered or len(source.columns) > len(written):
            found = source.blurred()
        else:
            found = source.renamed(written)
        return Columns(tuple(_edges(name, found)))

    def _alter(self, tree: Any) -> Columns:
        e = self._e
        if not isinstance(tree.this, e.Table):
            return Columns()
        name = self._name(tree.this)
        known = self._known(name)
        for action in tree.args.get("actions") or ():
            if isinstance(action, e.AlterRename):
                # Its rows move with it: another entity, of the same columns.
                new = self._name(action.this)
                return Columns(defined=((new, tuple(known) if known is not None else None),), gone=(name,))
            if known is None:
                continue
            if isinstance(action, e.ColumnDef):
                known = [*known, action.name]
            elif isinstance(action, e.RenameColumn):
                old, new = action.this.name.lower(), action.args["to"].name
                known = [new if column.lower() == old else column for column in known]
            elif isinstance(action, e.Drop):
                dropped = {part.name.lower() for part in (action.this, *(action.args.get("tables") or ())) if part}
                known = [column for column in known if column.lower() not in dropped]
        return Columns(defined=((name, tuple(known) if known is not None else None),))


def _distinct(found: Relation) -> Relation:
    """With the names that a table gets: a second column of a name is called otherwise, by each database in its way."""
    seen: set[str] = set()
    for column in found.columns:
        if column.name.lower() in seen:
            return found.blurred() if found.ordered else found
        seen.add(column.name.lower())
    return found


def _edges(table: str, found: Relation) -> Iterator[Edge]:
    told: set[str] = set()
    for column in found.columns:
        told |= {source.table for source in column.sources}
        yield from _column_edges(table, column.name, column.sources)
        if not column.sources:
            # A constant: said, so that nobody takes it for one of the columns that are not known.
            yield table, column.name, "", "", ""
    if len(found.open) == 1 and found.vague is None:
        told.add(found.open[0])
        yield table, SAME, found.open[0], SAME, model.IDENTITY
    else:
        rest = model.whole(found.open) | (found.vague or NONE)
        told |= {source.table for source in rest}
        yield from _column_edges(table, SAME, rest)
    told |= {source.table for source in found.indirect}
    yield from _column_edges(table, EVERY, found.indirect)
    # What gives no column decides how many rows there are.
    yield from ((table, EVERY, name, WHOLE, model.INDIRECT) for name in sorted(found.tables - told))


def _column_edges(table: str, column: str, sources: Iterable[Source]) -> Iterator[Edge]:
    for source in sorted(sources):
        yield table, column, source.table, source.column, source.how


def schema_after(schema: Mapping[str, tuple[str, ...] | None], found: Columns) -> dict[str, tuple[str, ...] | None]:
    """The columns of tables after a statement."""
    after = {name: columns for name, columns in schema.items() if name not in found.gone}
    after.update(found.defined)
    return after
