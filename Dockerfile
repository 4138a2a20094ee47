# One image for every role: the command says which. Built from the lock that leaves development tools out.
FROM python:3.11.13-slim-bookworm AS build
WORKDIR /src
COPY requirements-image.lock .
RUN python -m venv /opt/homeostat \
    && /opt/homeostat/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements-image.lock
COPY . .
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock \
    && /opt/build/bin/python -m build --no-isolation --wheel --outdir /dist . \
    && /opt/homeostat/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-index /dist/*.whl

FROM python:3.11.13-slim-bookworm
RUN useradd --create-home --uid 10001 homeostat && install -d -o homeostat -g homeostat /data /keys /archive
COPY --from=build /opt/homeostat /opt/homeostat
ENV PATH=/opt/homeostat/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_DIR=/home/homeostat/.cache/numba \
    HOMEOSTAT_LOG_FORMAT=json \
    HOMEOSTAT_WORKER__DATA_FOLDER=/data \
    HOMEOSTAT_KEYS__TRUST_FOLDER=/keys/trust
USER homeostat
WORKDIR /home/homeostat
# so that a worker does not compile before it joins its group
RUN python -m homeostat.detectors.warm_up
ENTRYPOINT ["homeostat"]
CMD ["--help"]
