"""How many searches such as "Paris, Texas" return the right city."""

from __future__ import annotations

from benchmarks import place_search
from benchmarks.bench import Bench
from benchmarks.measurements import Figure, at_least


def places(_bench: Bench) -> list[Figure]:
    """Search for all queries of place_queries.tsv, in a database of its own."""
    accuracy = place_search.evaluate()
    of_all = f"{accuracy.queries} queries in many languages, among the cities of at least 5,000 inhabitants"
    return [
        Figure(
            "search for a city with its region or country: right city first",
            accuracy.first * 100,
            " %",
            [at_least(place_search.FIRST * 100, " %")],
            note=of_all,
        ),
        Figure(
            "search for a city with its region or country: in the first five",
            accuracy.first_five * 100,
            " %",
            [at_least(place_search.FIRST_FIVE * 100, " %")],
        ),
    ]
