"""The `flask cities` group."""

from types import ModuleType

from heidi_common.cli.lazy_command import LazyGroup


def _import_cities() -> ModuleType:
    from heidi_services.city.cli import import_cities

    return import_cities


def _queries() -> ModuleType:
    from heidi_services.city.cli import queries

    return queries


cities = LazyGroup(
    "cities",
    {_import_cities: ("import",), _queries: ("nearby", "search", "stats")},
)
