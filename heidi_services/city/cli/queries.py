"""`flask cities nearby|search|stats`."""

from __future__ import annotations

from typing import Any

import click

from heidi_common.cli.lists import report_cut
from heidi_services.city import countries, place_query
from heidi_services.city.cli.group import cities
from heidi_services.city.enums import KindFilter
from heidi_services.city.geo import MAX_RADIUS_KM, bearing, km_of_chord
from heidi_services.city.service import nearby, queries, search
from heidi_services.city.service.city_filter import CityFilter


class CountryCode(click.ParamType[str]):
    """Existing ISO 3166-1 alpha-2 codes, in upper or lower case, separated by commas."""

    name = "country"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        codes = str(value).upper()
        for code in codes.split(","):
            if code not in countries.names():
                self.fail(f"{code} is not a country code", param, ctx)
        return codes


COUNTRY = click.option("--country", type=CountryCode(), help="Only this country, or several, DE or DE,AT.")
KIND = click.option(
    "--kind",
    type=click.Choice(list(KindFilter)),
    default=KindFilter.CITY,
    show_default=True,
    help="Leave out districts?",
)
LIMIT = click.option("--limit", type=click.IntRange(1, 100), default=10, show_default=True)
LATITUDE, LONGITUDE = click.FloatRange(-90, 90), click.FloatRange(-180, 180)
RADIUS_KM = click.FloatRange(0, MAX_RADIUS_KM, min_open=True)
# Otherwise click would take a negative coordinate such as -33.9 for an option.
NEGATIVE_NUMBERS = {"ignore_unknown_options": True}


@cities.command("nearby", context_settings=NEGATIVE_NUMBERS)
@click.argument("latitude", type=LATITUDE)
@click.argument("longitude", type=LONGITUDE)
@click.option("--radius-km", type=RADIUS_KM, default=50.0, show_default=True)
@click.option("--min-population", type=click.IntRange(0))
@COUNTRY
@KIND
@LIMIT
def show_nearby(latitude: float, longitude: float, radius_km: float, limit: int, **filters: Any) -> None:
    """Show the cities nearest to a point, in degrees."""
    result = nearby.nearest(latitude, longitude, radius_km=radius_km, limit=limit, where=_where(**filters))
    for row in result.rows:
        degrees = bearing(latitude, longitude, row.latitude, row.longitude)
        click.echo(f"{km_of_chord(row.chord):10.3f} km {degrees:6.1f}°  {_summary_line(row)}")
    report_cut(result.more, limit)


@cities.command("search", context_settings=NEGATIVE_NUMBERS)
@click.argument("name")
@click.option("--near", nargs=2, type=(LATITUDE, LONGITUDE), help="Prefer cities near this point.")
@COUNTRY
@KIND
@LIMIT
def show_search(name: str, near: tuple[float, float] | None, limit: int, **filters: Any) -> None:
    """Search for cities by name, in any language, also "Paris, Texas". Typos are tolerated."""
    query = place_query.parse(name)
    if not query.text:
        raise click.BadParameter("must contain at least one letter or digit")
    result = search.search(query, limit=limit, where=_where(**filters), point=near)
    for row in result.rows:
        click.echo(_summary_line(row))
    report_cut(result.more, limit)


@cities.command("stats")
def show_stats() -> None:
    """Show the numbers of cities, countries and names."""
    for name, count in queries.statistics().items():
        click.echo(f"{name:10} {count:>9,}")


def _where(country: str | None, kind: str, min_population: int | None = None) -> CityFilter:
    return CityFilter(tuple(country.split(",")) if country else (), kind, min_population)


def _summary_line(row: Any) -> str:
    population = f"{row.population:,}" if row.population else "unknown"
    return f"{row.name}, {row.country}  ({row.latitude:.4f}, {row.longitude:.4f})  population {population}  {row.id}"
