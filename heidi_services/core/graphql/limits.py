"""Limits of a GraphQL document: its tokens, nesting, depth, cost and repetitions.

All are checked before validation and execution, in time that they bound.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    parse,
)

from heidi_services.core.graphql.errors import rejection

MAX_DEPTH = 8
MAX_COST = 5_000
MAX_TOKENS = 1_500
MAX_CHARACTERS = 100_000
MAX_NESTING = 60
"""Braces, brackets and parentheses within each other."""
MAX_INTROSPECTIONS = 2
MAX_REPEATS = 20
"""How often a field may occur with the same name in one selection: validation compares each with each."""
MAX_FRAGMENTS = 50
COST_OF_MUTATION = 100
_MAX_DIGITS = 9
_TOKEN = re.compile(
    r'''"""(?:\\"""|[^"]|"(?!""))*+(?:""")?|"(?:\\.|[^"\\\n])*+"?|\#[^\n]*+|[{(\[]|[})\]]|[\w.-]++|[^\s,]'''
)
"""Roughly the tokens of GraphQL: strings, comments, brackets, names and numbers, and everything else."""


def read_document(text: str) -> DocumentNode:
    """Parse a document.

    Raises:
        GraphQLError: It is malformed, or exceeds MAX_TOKENS or MAX_CHARACTERS.
    """
    _scan(text)
    return parse(text, max_lexical_tokens=MAX_TOKENS, max_comments=MAX_TOKENS, max_source_length=MAX_CHARACTERS)


def _scan(text: str) -> None:
    """Count the tokens and the nesting. This takes a fiftieth of the time of the parser."""
    depth = 0
    for number, token in enumerate(_TOKEN.finditer(text[: MAX_CHARACTERS + 1]), start=1):
        first = token[0][0]
        depth += (first in "{[(") - (first in "}])")
        if number > MAX_TOKENS:
            raise rejection("too_complex", f"A document may have at most {MAX_TOKENS:,} tokens. Use variables.")
        if depth > MAX_NESTING:
            raise rejection("too_deep", f"Braces and brackets may be nested {MAX_NESTING} levels deep.")


def check(document: DocumentNode, paged: Mapping[str, int], variables: Mapping[str, Any]) -> None:
    """Check depth and cost of every operation of a document.

    The cost is the number of fields, each multiplied by the sizes of the pages that it is in.

    Args:
        document: The document, which need not be valid.
        paged: The names of the fields that return pages -> their default sizes.
        variables: The variables of the request.

    Raises:
        GraphQLError: `too_deep`, `too_costly`, `circular_fragments` or `too_complex`.
    """
    fragments = {part.name.value: part for part in document.definitions if isinstance(part, FragmentDefinitionNode)}
    if len(fragments) > MAX_FRAGMENTS:
        raise rejection("too_complex", f"A document may have at most {MAX_FRAGMENTS} fragments.")
    for operation in document.definitions:
        if isinstance(operation, OperationDefinitionNode):
            defaults = {each.variable.name.value: each.default_value for each in operation.variable_definitions or ()}
            meter = _Meter(fragments, paged, variables, defaults)
            cost = COST_OF_MUTATION if operation.operation is OperationType.MUTATION else 1
            meter.add_selection(operation.selection_set, _Position(1, cost))


@dataclass(frozen=True)
class _Position:
    """Where a selection is: its depth, how often its fields are read, and the fragments around it."""

    depth: int
    times: int
    fragments: frozenset[str] = frozenset()


@dataclass
class _Meter:
    fragments: Mapping[str, FragmentDefinitionNode]
    paged: Mapping[str, int]
    variables: Mapping[str, Any]
    defaults: Mapping[str, ValueNode | None]
    cost: int = 0
    introspections: int = 0

    def add_selection(self, selection: SelectionSetNode, position: _Position) -> None:
        repeats: dict[str, int] = {}
        for node in selection.selections:
            if isinstance(node, FieldNode):
                key = (node.alias or node.name).value
                repeats[key] = repeats.get(key, 0) + 1
                if repeats[key] > MAX_REPEATS:
                    raise rejection("too_complex", f"`{key}` is selected more than {MAX_REPEATS} times.")
                self._add_field(node, position)
            elif isinstance(node, FragmentSpreadNode):
                self._add_fragment(node.name.value, position)
            elif isinstance(node, InlineFragmentNode):
                self._charge(1)
                self.add_selection(node.selection_set, position)

    def _add_field(self, node: FieldNode, position: _Position) -> None:
        self._charge(position.times)
        if position.depth > MAX_DEPTH:
            raise rejection("too_deep", f"The depth exceeds {MAX_DEPTH} levels of fields.")
        if node.name.value in ("__schema", "__type"):
            self._add_introspection()
        elif node.selection_set:
            times = position.times * self._page_size(node)
            self.add_selection(node.selection_set, _Position(position.depth + 1, times, position.fragments))

    def _add_introspection(self) -> None:
        """Its depth is limited by MaxIntrospectionDepthRule."""
        self.introspections += 1
        if self.introspections > MAX_INTROSPECTIONS:
            raise rejection("too_complex", f"`__schema` and `__type` may be selected {MAX_INTROSPECTIONS} times.")

    def _add_fragment(self, name: str, position: _Position) -> None:
        self._charge(1)
        if name in position.fragments:
            raise rejection("circular_fragments", f"The fragment `{name}` contains itself.")
        fragment = self.fragments.get(name)
        if fragment is not None:
            inner = _Position(position.depth, position.times, position.fragments | {name})
            self.add_selection(fragment.selection_set, inner)

    def _charge(self, amount: int) -> None:
        self.cost += amount
        if self.cost > MAX_COST:
            raise rejection("too_costly", f"The cost (fields x page sizes) exceeds {MAX_COST:,}. Read smaller pages.")

    def _page_size(self, node: FieldNode) -> int:
        if node.name.value not in self.paged:
            return 1
        first = next((each.value for each in node.arguments or () if each.name.value == "first"), None)
        return max(1, self._number(first, self.paged[node.name.value]))

    def _number(self, value: ValueNode | None, default: int) -> int:
        if isinstance(value, VariableNode):
            number = self.variables.get(value.name.value)
            if isinstance(number, (int, float)):
                return int(number)
            return self._number(_literal(self.defaults.get(value.name.value)), default)
        if isinstance(value, IntValueNode):
            return int(value.value) if len(value.value) <= _MAX_DIGITS else MAX_COST + 1
        return default


def _literal(value: ValueNode | None) -> ValueNode | None:
    return None if isinstance(value, VariableNode) else value
