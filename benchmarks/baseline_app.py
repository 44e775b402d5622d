"""The floors: the request rate of this machine, with the same gunicorn configuration, for almost no work.

`/f1` is a bare Flask route. `/f2/<id>` is a route with one raw psycopg2 select by primary key, with one connection per
thread. `/cities/...` are the routes of the city service as a service written by hand for them would have them: the same
columns and SQL and a JSON response, without cache, rate limits, request ID, metrics and access log.

The database is that of the platform under test (`FLOOR_DATABASE`).
"""

import os
import threading
from math import asin, cos, radians, sin
from typing import Any
from uuid import UUID

import psycopg2
from flask import Flask, Response, abort, request
from psycopg2.extras import RealDictCursor

app = Flask(__name__)
local = threading.local()
SELECT = """
SELECT CAST(row_to_json(city) AS text)
FROM (SELECT id, name, country, latitude, longitude FROM cities WHERE id = %s) AS city
"""
COLUMNS = """
CAST(id AS text) AS id, name, country, state, latitude, longitude, population, timezone, metadata,
is_active AS "isActive", to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "createdAt",
to_char(updated_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "updatedAt"
"""
BY_ID = f"SELECT {COLUMNS} FROM cities WHERE id = %s"
NEAREST = f"""
SELECT * FROM (SELECT {COLUMNS}, pos <-> CAST(%s AS cube) AS chord FROM cities
               WHERE is_active ORDER BY chord, id LIMIT %s) nearest WHERE chord <= 2
"""
EARTH_RADIUS_KM = 6371.0088


def _connection() -> Any:
    if not hasattr(local, "connection"):
        local.connection = psycopg2.connect(os.environ["FLOOR_DATABASE"])
        local.connection.autocommit = True
    return local.connection


def _query(sql: str, *values: Any) -> list[dict[str, Any]]:
    with _connection().cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()  # type: ignore[no-any-return]


@app.get("/f1")
def f1() -> Response:
    return Response(b'{"data": {}}', mimetype="application/json")


@app.get("/f2/<city_id>")
def f2(city_id: str) -> Response:
    with _connection().cursor() as cursor:
        cursor.execute(SELECT, (city_id,))
        (body,) = cursor.fetchone()
    return Response(body, mimetype="application/json")


@app.get("/cities/<uuid:city_id>")
def city(city_id: UUID) -> dict[str, Any]:
    rows = _query(BY_ID, str(city_id))
    return {"data": rows[0]} if rows else abort(404)


@app.get("/cities/nearby")
def nearest() -> dict[str, Any]:
    latitude, longitude = radians(float(request.args["latitude"])), radians(float(request.args["longitude"]))
    place = cos(latitude) * cos(longitude), cos(latitude) * sin(longitude), sin(latitude)
    rows = _query(NEAREST, str(place), int(request.args.get("limit", 20)))
    for row in rows:
        row["distanceKm"] = round(2 * EARTH_RADIUS_KM * asin(min(1.0, row.pop("chord") / 2)), 3)
    return {"data": rows}
