# SPDX-License-Identifier: Apache-2.0
"""What the columns of a query come from: tables, subqueries and joins as relations that know their columns, or not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

# In the words of OpenLineage's facet `columnLineage`.
DIRECT, IDENTITY = "DIRECT", "DIRECT:IDENTITY"
TRANSFORMATION, AGGREGATION = "DIRECT:TRANSFORMATION", "DIRECT:AGGREGATION"
INDIRECT, JOIN, GROUP_BY, FILTER = "INDIRECT", "INDIRECT:JOIN", "INDIRECT:GROUP_BY", "INDIRECT:FILTER"
SORT, WINDOW, CONDITIONAL = "INDIRECT:SORT", "INDIRECT:WINDOW", "INDIRECT:CONDITIONAL"
_DIRECT_RANK = {IDENTITY: 0, TRANSFORMATION: 1, AGGREGATION: 2, DIRECT: 3}
# In place of a column: the table as a whole, of which nobody can tell which column it is.
WHOLE = ""


class Source(NamedTuple):
    """A column of a table, and how what is asked about comes from it."""

    table: str
    column: str
    how: str = IDENTITY


Sources = frozenset[Source]
NONE: Sources = frozenset()


def through(sources: Iterable[Source], how: str) -> Sources:
    """The sources of something made, in a certain way, of what has these sources."""
    return frozenset(Source(source.table, source.column, combined(source.how, how)) for source in sources)


def combined(inner: str, outer: str) -> str:
    """Two transformations, one after the other, as one."""
    if outer.startswith(INDIRECT):
        return outer
    if inner.startswith(INDIRECT):
        return inner
    return max(inner, outer, key=lambda how: _DIRECT_RANK.get(how, 3))


@dataclass(slots=True)
class Output:
    """A column of a query."""

    name: str
    sources: Sources = NONE


@dataclass(slots=True)
class Relation:
    """Something with columns. Besides `columns`, in order, it has all columns of the `open` tables, by their own names,

    and columns of any name that come from `vague` sources (of a function, or where nobody can tell). `indirect` has an
    effect on all of it; `tables` are all that it reads.
    """

    columns: list[Output] = field(default_factory=list)
    open: tuple[str, ...] = ()
    vague: Sources | None = None
    indirect: set[Source] = field(default_factory=set)
    tables: set[str] = field(default_factory=set)

    @property
    def ordered(self) -> bool:
        """Whether all columns and their order are known."""
        return not self.open and self.vague is None

    def own(self, name: str) -> Sources | None:
        """The sources of a column that is known to be there; of several with its name, of all of them."""
        found = [column.sources for column in self.columns if column.name.lower() == name.lower()]
        return frozenset[Source]().union(*found) if found else None

    def possible(self, name: str) -> list[Sources]:
        """What a column that is not known to be there may come from, one entry for each way to read it."""
        found: list[Sources] = [frozenset({Source(table, name)}) for table in self.open]
        return found if self.vague is None else [*found, self.vague]

    def all(self) -> Sources:
        """The sources of all columns together."""
        return frozenset[Source]((self.vague or NONE) | whole(self.open)).union(*(one.sources for one in self.columns))

    def told_apart(self) -> None:
        """Note that equal rows are one: with several columns, each decides how often the others are there."""
        if len(self.columns) > 1 or not self.ordered:
            self.indirect |= through(self.all(), GROUP_BY)

    def renamed(self, names: Sequence[str]) -> Relation:
        """The same with other names, for the first of its columns."""
        if not names:
            return self
        if not self.ordered:
            return self.blurred()
        given = [
            Output(names[at] if at < len(names) else column.name, column.sources)
            for at, column in enumerate(self.columns)
        ]
        return Relation(given, indirect=set(self.indirect), tables=set(self.tables))

    def blurred(self) -> Relation:
        """The same where nobody can tell the columns from each other."""
        return Relation(vague=whole(self.tables), indirect=set(self.indirect), tables=set(self.tables))


def whole(tables: Iterable[str]) -> Sources:
    """Tables as a whole."""
    return frozenset(Source(table, WHOLE, DIRECT) for table in tables)


def base(table: str, columns: Sequence[str] | None) -> Relation:
    """A table of the database, with its columns where they are known."""
    if columns is None:
        return Relation(open=(table,), tables={table})
    return Relation([Output(name, frozenset({Source(table, name)})) for name in columns], tables={table})


@dataclass(slots=True)
class Scope:
    """What names of columns can mean in one SELECT: its relations, the aliases it gives, and the query around it.

    `inner` are the tables of queries inside its expressions, `merged` the columns that joins make one of two.
    """

    relations: list[tuple[str, Relation]] = field(default_factory=list)
    parent: Scope | None = None
    aliases: dict[str, Sources] = field(default_factory=dict)
    inner: set[str] = field(default_factory=set)
    merged: dict[str, Sources] = field(default_factory=dict)

    def tables(self) -> set[str]:
        """All tables that the relations read."""
        return {table for _, relation in self.relations for table in relation.tables}

    def column(self, qualifier: str, name: str) -> Sources:
        """The sources of a column by name; tables as a whole where the name can mean more than one thing."""
        scope: Scope | None = self
        while scope is not None:
            found = scope._qualified(qualifier, name) if qualifier else scope._plain(name)
            if found is not None:
                return found
            scope = scope.parent
        # A row number, a field of a structure, an alias of a dialect that nobody knew.
        return whole(self.tables())

    def merge(self, name: str) -> Sources:
        """Note that the last relation has been joined by a column of a name, and return what the key comes from."""
        *before, (_, last) = self.relations
        left = self.merged.get(name.lower()) or Scope(list(before)).column("", name)
        found = self.merged[name.lower()] = left | (last.own(name) or _only(last.possible(name), last))
        return found

    def _qualified(self, qualifier: str, name: str) -> Sources | None:
        for alias, relation in self.relations:
            if alias.lower() == qualifier.lower():
                own = relation.own(name)
                if own is not None:
                    return own
                return _only(relation.possible(name), relation)
        return None

    def _plain(self, name: str) -> Sources | None:
        merged = self.merged.get(name.lower())
        if merged is not None:
            return merged
        certain = [own for _, relation in self.relations if (own := relation.own(name)) is not None]
        if certain:
            # The database has taken the statement, so no other table has a column of this name; but keys of a join.
            return frozenset[Source]().union(*certain)
        alias = self.aliases.get(name.lower())
        possible = [(way, relation) for _, relation in self.relations for way in relation.possible(name)]
        if alias is not None:
            return alias
        if not possible:
            return None
        if len(possible) == 1 and not self._may_be_outside(name):
            return possible[0][0]
        return whole({table for _, relation in possible for table in relation.tables})

    def _may_be_outside(self, name: str) -> bool:
        scope = self.parent
        while scope is not None:
            if any(relation.own(name) is not None or relation.possible(name) for _, relation in scope.relations):
                return True
            scope = scope.parent
        return False


def _only(possible: list[Sources], relation: Relation) -> Sources:
    return possible[0] if len(possible) == 1 else whole(relation.tables)


def united(one: Relation, other: Relation, *, by_name: bool) -> Relation:
    """The rows of both, in columns named as in the first."""
    indirect, tables = one.indirect | other.indirect, one.tables | other.tables
    if by_name:
        names = list(dict.fromkeys(column.name.lower() for column in (*one.columns, *other.columns)))
        spelled = {column.name.lower(): column.name for column in (*other.columns, *one.columns)}
        columns = [Output(spelled[name], (one.own(name) or NONE) | (other.own(name) or NONE)) for name in names]
        vague = (one.vague or NONE) | (other.vague or NONE)
        rest = None if one.vague is None and other.vague is None else vague
        return Relation(columns, (*one.open, *other.open), rest, indirect, tables)
    if one.ordered and other.ordered and len(one.columns) == len(other.columns):
        pairs = zip(one.columns, other.columns, strict=True)
        return Relation([Output(a.name, a.sources | b.sources) for a, b in pairs], (), None, indirect, tables)
    # Which columns of the second stand below which of the first depends on an order that nobody knows.
    more = whole(other.tables)
    columns = [Output(column.name, column.sources | more) for column in one.columns]
    rest = (one.vague or NONE) | more | whole(one.open)
    return Relation(columns, (), rest, indirect, tables)
