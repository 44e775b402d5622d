"""The floors: the request rate of this machine, with the same gunicorn configuration, for almost no work.

`/f1` is a bare Flask route. `/f2/<id>` is a route with one raw psycopg2 select by primary key, with one connection per
thread. The database is that of the platform under test (`FLOOR_DATABASE`).
"""

import os
import threading
from typing import Any

import psycopg2
from flask import Flask, Response

app = Flask(__name__)
local = threading.local()
SELECT = """
SELECT CAST(row_to_json(city) AS text)
FROM (SELECT id, name, country, latitude, longitude FROM cities WHERE id = %s) AS city
"""


def _connection() -> Any:
    if not hasattr(local, "connection"):
        local.connection = psycopg2.connect(os.environ["FLOOR_DATABASE"])
        local.connection.autocommit = True
    return local.connection


@app.get("/f1")
def f1() -> Response:
    return Response(b'{"data": {}}', mimetype="application/json")


@app.get("/f2/<city_id>")
def f2(city_id: str) -> Response:
    with _connection().cursor() as cursor:
        cursor.execute(SELECT, (city_id,))
        (body,) = cursor.fetchone()
    return Response(body, mimetype="application/json")
