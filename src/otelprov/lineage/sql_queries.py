# SPDX-License-Identifier: Apache-2.0
"""Goes through the tree of a query and finds what its columns come from, without guessing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from otelprov.lineage import sql_relations as model
from otelprov.lineage.sql_relations import NONE, Output, Relation, Scope, Source, Sources, through

Columns = Callable[[str], Sequence[str] | None]
_MAX_DEPTH = 60


class TooDeep(Exception):
    """A query inside a query inside a query, and so on."""


class Queries:
    """Queries of one statement. `columns` tells those of a table, None where they are not known."""

    def __init__(self, expressions: Any, columns: Columns, table_name: Callable[[Any], str], dialect: str) -> None:
        self._e = expressions
        self._columns = columns
        self._name = table_name
        self._dialect = dialect
        self._depth = 0

    def query(self, node: Any, known: dict[str, Relation], parent: Scope | None = None) -> Relation:
        """The relation that a query is; `known` are the common tables around it."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise TooDeep
        try:
            return self._query(node, known, parent)
        finally:
            self._depth -= 1

    def _query(self, node: Any, known: dict[str, Relation], parent: Scope | None) -> Relation:
        e = self._e
        known = self.common_tables(node, known, parent)
        if isinstance(node, e.Subquery):
            inner = self.query(node.this, known, parent)
            return inner.blurred() if node.args.get("pivots") else self._with_alias(inner, node)
        if isinstance(node, e.SetOperation):
            return self._set_operation(node, known, parent)
        if isinstance(node, e.Select):
            return self._select(node, known, parent)
        if isinstance(node, (e.Table, e.Values)):
            return self.relation(node, known, Scope(parent=parent))
        if isinstance(node, e.Paren):
            return self.query(node.this, known, parent)
        tables = {self._name(table) for table in node.find_all(e.Table)} - set(known) - {""}
        return Relation(vague=model.whole(tables), tables=tables)

    def common_tables(self, node: Any, known: dict[str, Relation], parent: Scope | None = None) -> dict[str, Relation]:
        """The common tables that a node defines, beside those around it."""
        defined = _arg(node, "with")
        if defined is None:
            return known
        known = dict(known)
        for item in defined.expressions:
            name = item.alias.lower()
            names = [column.name for column in item.args["alias"].args.get("columns") or ()]
            body = item.this
            if defined.args.get("recursive") and isinstance(body, self._e.SetOperation):
                # What the first part gives is what the second builds on.
                inner = self.common_tables(body, known, parent)
                first = self.query(body.this, inner, parent).renamed(names)
                known[name] = first
            known[name] = self.query(body, known, parent).renamed(names)
        return known

    def _set_operation(self, node: Any, known: dict[str, Relation], parent: Scope | None) -> Relation:
        one, other = self.query(node.this, known, parent), self.query(node.expression, known, parent)
        if isinstance(node, self._e.Union):
            found = model.united(one, other, by_name=bool(node.args.get("by_name")))
        else:
            # Rows of both sides are compared with each other.
            indirect = one.indirect | other.indirect | through(one.all() | other.all(), model.FILTER)
            found = Relation(one.columns, one.open, one.vague, indirect, one.tables | other.tables)
        if node.args.get("distinct") and isinstance(node, self._e.Union):
            found.told_apart()
        scope = Scope([("", found)], parent)
        self._indirect(found, _arg(node, "order"), scope, known, model.SORT)
        return found

    def _select(self, node: Any, known: dict[str, Relation], parent: Scope | None) -> Relation:
        scope = Scope(parent=parent)
        found = Relation()
        merged = self._from(node, known, scope, found)
        self._outputs(node, known, scope, found, merged)
        for name, how in (("where", model.FILTER), ("having", model.FILTER), ("qualify", model.FILTER)):
            self._indirect(found, _arg(node, name), scope, known, how)
        group = _arg(node, "group")
        if group is not None:
            self._indirect(found, group, scope, known, model.GROUP_BY)
        # There an alias comes before a column of its name.
        ordered = replace(scope, merged={**scope.merged, **scope.aliases})
        self._indirect(found, _arg(node, "order"), ordered, known, model.SORT)
        scope.inner |= ordered.inner
        distinct = _arg(node, "distinct")
        if distinct is not None:
            self._indirect(found, distinct.args.get("on"), scope, known, model.GROUP_BY)
            if distinct.args.get("on") is None:
                found.told_apart()
        found.tables |= scope.tables() | scope.inner
        for _, relation in scope.relations:
            found.indirect |= relation.indirect
        return found

    def _from(self, node: Any, known: dict[str, Relation], scope: Scope, found: Relation) -> set[str]:
        """Fill the scope; names that a join has merged."""
        merged: set[str] = set()
        start = _arg(node, "from")
        if start is not None:
            self.add_source(start.this, known, scope)
        for lateral in node.args.get("laterals") or ():
            self.add_source(lateral, known, scope)
        for join in node.args.get("joins") or ():
            merged |= self.join(join, known, scope, found)
        return merged

    def join(self, join: Any, known: dict[str, Relation], scope: Scope, found: Relation) -> set[str]:
        """Add what a join brings; names that it merges."""
        before = [relation for _, relation in scope.relations]
        kind = f"{join.args.get('kind') or ''} {join.args.get('side') or ''}".upper()
        own = Scope(parent=scope.parent) if "SEMI" in kind or "ANTI" in kind else None
        self.add_source(join.this, known, scope)
        using = [name.name for name in join.args.get("using") or ()]
        if (join.args.get("method") or "").upper() == "NATURAL":
            using += self._shared(before, scope.relations[-1][1])
        for name in using:
            found.indirect |= through(scope.merge(name), model.JOIN)
        self._indirect(found, join.args.get("on"), scope, known, model.JOIN)
        for inner in join.this.args.get("joins") or () if own is None else ():
            self.join(inner, known, scope, found)
        if own is not None:
            # Its columns decide which rows stay, and are not seen.
            gone = scope.relations.pop()[1]
            for name in using:
                scope.merged.pop(name.lower(), None)
            found.indirect |= gone.indirect
            found.tables |= gone.tables
        return {name.lower() for name in using}

    def _shared(self, before: list[Relation], relation: Relation) -> list[str]:
        names = {column.name.lower() for column in relation.columns}
        return sorted(names & {column.name.lower() for other in before for column in other.columns})

    def add_source(self, node: Any, known: dict[str, Relation], scope: Scope) -> None:
        """Add one thing that stands in FROM, with the joins that hang on it."""
        alias = node.alias or (node.name if isinstance(node, self._e.Table) else "")
        scope.relations.append((alias, self.relation(node, known, scope)))
        for join in node.args.get("joins") or () if isinstance(node, self._e.Table) else ():
            self.join(join, known, scope, scope.relations[-1][1])

    def relation(self, node: Any, known: dict[str, Relation], scope: Scope) -> Relation:
        """The relation that something in FROM is."""
        e = self._e
        if isinstance(node, e.Table):
            if not isinstance(node.this, e.Identifier):
                return self._function(node, known, scope)
            name = self._name(node)
            common = known.get(name.lower()) if not node.args.get("db") else None
            if common is None and not name:
                return Relation(vague=NONE)
            found = common if common is not None else model.base(name, self._columns(name))
            if node.args.get("pivots"):
                found = found.blurred()
            # A common table that is read twice must not collect what the other reading does.
            found = Relation(found.columns, found.open, found.vague, set(found.indirect), set(found.tables))
            return self._with_alias(found, node)
        if isinstance(node, e.Lateral) and not isinstance(node.this, (e.Subquery, e.Select)):
            return self._function(node, known, scope)
        if isinstance(node, e.Values):
            rows = node.expressions
            width = len(rows[0].expressions) if rows and isinstance(rows[0], e.Tuple) else 1
            return self._with_alias(Relation([Output(f"column{at + 1}") for at in range(width)]), node)
        if isinstance(node, (e.Subquery, e.Lateral)):
            inner = node.this
            if isinstance(inner, e.Table):
                # Joins in parentheses.
                whole = Relation()
                inside = Scope(parent=scope.parent)
                self.add_source(inner, known, inside)
                for join in node.args.get("joins") or ():
                    self.join(join, known, inside, whole)
                if len(inside.relations) == 1:
                    return self._with_alias(inside.relations[0][1], node)
                return self._joined(inside, whole)
            around = scope if isinstance(node, e.Lateral) else scope.parent
            return self._with_alias(self.query(node if isinstance(node, e.Subquery) else inner, known, around), node)
        return self._function(node, known, scope)

    def _joined(self, inside: Scope, found: Relation) -> Relation:
        columns = [column for _, relation in inside.relations for column in relation.columns]
        opened = tuple(table for _, relation in inside.relations for table in relation.open)
        vague = [relation.vague for _, relation in inside.relations if relation.vague is not None]
        indirect = set(found.indirect).union(*(relation.indirect for _, relation in inside.relations))
        rest = frozenset[Source]().union(*vague) if vague else None
        return Relation(columns, opened, rest, indirect, inside.tables())

    def _function(self, node: Any, known: dict[str, Relation], scope: Scope) -> Relation:
        # Its arguments may be columns of what stands before it.
        direct = self.direct(node, known, scope) if scope.relations else NONE
        return self._with_alias(Relation(vague=through(direct, model.TRANSFORMATION)), node)

    def _with_alias(self, found: Relation, node: Any) -> Relation:
        alias = node.args.get("alias")
        names = [column.name for column in alias.args.get("columns") or ()] if alias is not None else []
        if names and found.vague is not None and not found.tables:
            return Relation([Output(name, found.vague) for name in names])
        return found.renamed(names)

    def _outputs(self, node: Any, known: dict[str, Relation], scope: Scope, found: Relation, merged: set[str]) -> None:
        opened: list[str] = []
        for item in node.expressions:
            star = item if isinstance(item, self._e.Star) else item.this if isinstance(item, self._e.Column) else None
            if isinstance(star, self._e.Star):
                qualifier = item.table if isinstance(item, self._e.Column) else ""
                self._star(star, qualifier, known, scope, found, opened, merged)
                continue
            if self._is_columns(item):
                vague = model.whole(scope.tables())
                found.vague = vague if found.vague is None else found.vague | vague
                continue
            sources = self.direct(item, known, scope)
            name = item.alias_or_name or self._spelled(item)
            found.columns.append(Output(name, sources))
            if item.alias:
                scope.aliases.setdefault(item.alias.lower(), sources)
        found.open = tuple(opened)

    def _is_columns(self, item: Any) -> bool:
        kind = getattr(self._e, "Columns", None)
        return kind is not None and item.find(kind) is not None

    def _spelled(self, item: Any) -> str:
        if self._dialect == "postgres" and isinstance(item, self._e.Func):
            return str(item.sql_name()).lower()
        return str(item.sql(dialect=self._dialect))

    def _star(
        self,
        star: Any,
        qualifier: str,
        known: dict[str, Relation],
        scope: Scope,
        found: Relation,
        opened: list[str],
        merged: set[str],
    ) -> None:
        left_out = {item.name.lower() for item in _arg(star, "except") or ()}
        replaced = {item.alias.lower(): item for item in star.args.get("replace") or ()}
        renamed = {item.this.name.lower(): item.alias for item in star.args.get("rename") or ()}
        given: set[str] = set()
        for alias, relation in scope.relations:
            if qualifier and alias.lower() != qualifier.lower():
                continue
            for column in relation.columns:
                name = column.name.lower()
                if name in left_out or (name in merged and name in given):
                    continue
                given.add(name)
                sources = scope.merged.get(name, column.sources) if not qualifier else column.sources
                if name in replaced:
                    sources = self.direct(replaced[name], known, scope)
                found.columns.append(Output(renamed.get(name, column.name), sources))
            opened += relation.open
            if relation.vague is not None:
                found.vague = relation.vague if found.vague is None else found.vague | relation.vague
        # Of tables with unknown columns, at least these are known.
        for name, item in replaced.items():
            if name not in given:
                found.columns.append(Output(item.alias, self.direct(item, known, scope)))
        for name, other in renamed.items():
            if name not in given:
                found.columns.append(Output(other, scope.column(qualifier, name)))

    def _indirect(self, found: Relation, node: Any, scope: Scope, known: dict[str, Relation], how: str) -> None:
        if node is not None:
            found.indirect |= through(self.direct(node, known, scope), how)

    def direct(self, node: Any, known: dict[str, Relation], scope: Scope) -> Sources:
        """What an expression comes from."""
        return frozenset(self._walk(node, known, scope))

    def _walk(self, node: Any, known: dict[str, Relation], scope: Scope) -> Iterator[Source]:
        e = self._e
        self._depth += 1
        if self._depth > _MAX_DEPTH * 4:
            raise TooDeep
        if isinstance(node, e.Column):
            # `$1`, which some dialects take for a name.
            if not isinstance(node.this, e.Star) and node.name[:1] != "$":
                yield from scope.column(node.table, node.name)
        elif isinstance(node, (e.Alias, e.Paren, e.Ordered, e.Where, e.Having, e.Qualify, e.PropertyEQ)):
            yield from self._walk(
                node.args["this" if not isinstance(node, e.PropertyEQ) else "expression"], known, scope
            )
        elif isinstance(node, (e.Subquery, e.Select, e.SetOperation, e.Exists)):
            inner = self.query(node.this if isinstance(node, e.Exists) else node, known, scope)
            if not isinstance(node, e.Exists):
                for column in inner.columns:
                    yield from column.sources
                yield from (inner.vague or NONE) | model.whole(inner.open)
            yield from inner.indirect
            scope.inner |= inner.tables
        elif isinstance(node, (e.Case, e.If)):
            yield from self._conditional(node, known, scope)
        elif isinstance(node, e.Window):
            yield from through(self._walk(node.this, known, scope), model.TRANSFORMATION)
            for part in (*(node.args.get("partition_by") or ()), _arg(node, "order")):
                if part is not None:
                    yield from through(self._walk(part, known, scope), model.WINDOW)
        elif isinstance(node, e.Filter):
            yield from self._walk(node.this, known, scope)
            yield from through(self._walk(node.expression, known, scope), model.CONDITIONAL)
        else:
            plain = isinstance(node, (e.Group, e.Order, e.Tuple))
            how = model.AGGREGATION if isinstance(node, e.AggFunc) else model.TRANSFORMATION
            for child in node.iter_expressions():
                found = self._walk(child, known, scope)
                yield from found if plain else through(found, how)
        self._depth -= 1

    def _conditional(self, node: Any, known: dict[str, Relation], scope: Scope) -> Iterator[Source]:
        if isinstance(node, self._e.Case) and node.this is not None:
            yield from through(self._walk(node.this, known, scope), model.CONDITIONAL)
        branches = node.args.get("ifs") or () if isinstance(node, self._e.Case) else (node,)
        for branch in branches:
            yield from through(self._walk(branch.this, known, scope), model.CONDITIONAL)
            for name in ("true", "false"):
                if branch.args.get(name) is not None:
                    yield from through(self._walk(branch.args[name], known, scope), model.TRANSFORMATION)
        if node.args.get("default") is not None:
            yield from through(self._walk(node.args["default"], known, scope), model.TRANSFORMATION)


def _arg(node: Any, name: str) -> Any:
    """A part of a node whose name is a word of Python, which versions of sqlglot spell in two ways."""
    return node.args.get(name) or node.args.get(f"{name}_")
