"""The `flask cities` group."""

from heidi_common.cli.lazy_command import LazyGroup

cities = LazyGroup(
    "cities",
    "heidi_services.city.cli",
    {"import_cities": ("import",), "queries": ("nearby", "search", "stats")},
)
