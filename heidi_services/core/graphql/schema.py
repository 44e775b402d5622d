"""The schema. `schema.graphql` beside this module is its text; `make schema` writes it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import strawberry
from graphql import GraphQLError, GraphQLObjectType
from strawberry.extensions import SchemaExtension

from heidi_services.core.graphql.connections import PAGE_SIZE
from heidi_services.core.graphql.mutations import Mutations
from heidi_services.core.graphql.queries import Queries
from heidi_services.core.graphql.scalars import CONFIG

log = logging.getLogger(__name__)
FILE = Path(__file__).with_name("schema.graphql")


class ParsedDocument(SchemaExtension):
    """Takes the document that was parsed already to check its limits."""

    def on_parse(self) -> Iterator[None]:
        self.execution_context.graphql_document = self.execution_context.context.document
        yield


class PlatformSchema(strawberry.Schema):
    """Logs defects of this service only, and not what is wrong with a request or another service."""

    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:
        for error in filter(is_defect, errors):
            log.error("unexpected error in GraphQL", exc_info=error.original_error)


def is_defect(error: GraphQLError) -> bool:
    """Whether an error is a defect of this service."""
    return error.original_error is not None and not isinstance(error.original_error, GraphQLError)


@cache
def platform_schema() -> PlatformSchema:
    """The schema. Web processes of core build it when they start (`execution.prepare`)."""
    return PlatformSchema(Queries, Mutations, extensions=[ParsedDocument], config=CONFIG)


@cache
def paged_fields() -> dict[str, int]:
    """The names of the fields that return pages -> the default size of their pages."""
    types = platform_schema()._schema.type_map.values()
    fields = [item for type_ in types if isinstance(type_, GraphQLObjectType) for item in type_.fields.items()]
    return {name: PAGE_SIZE for name, field in fields if "first" in field.args}


if __name__ == "__main__":
    FILE.write_text(platform_schema().as_str() + "\n")
