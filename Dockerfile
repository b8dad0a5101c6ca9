# One image for every service of docker-compose.yml: simulator, target, Locust master and workers.
# Layers from the slowest to change to the fastest: dependencies, our wheel, configuration and locustfiles.

ARG PYTHON_IMAGE=python:3.13-slim

# --- dependencies, as pinned; a package without a wheel for this Python fails here, so no compiler is needed
FROM ${PYTHON_IMAGE} AS dependencies
RUN python -m venv --without-pip /opt/venv
COPY requirements.txt /tmp/
RUN --mount=type=cache,target=/var/cache/pip \
    pip --python /opt/venv/bin/python install --disable-pip-version-check --cache-dir /var/cache/pip --only-binary :all: \
        -r /tmp/requirements.txt
# A fifth of what was installed: packages' own tests, sources and headers in C, Arrow's clients for services and
# formats not used here (its shared libraries under all but the name they are loaded by), Plotly's parts for Jupyter.
RUN cd /opt/venv/lib/python3*/site-packages && \
    rm -rf pyarrow/include pyarrow/src pyarrow/libarrow_python*.so pyarrow/libarrow_python*.so.*.* \
        pyarrow/*flight* pyarrow/*s3* pyarrow/*gcsfs* pyarrow/*azurefs* pyarrow/*hdfs* \
        pyarrow/*orc* pyarrow/*cpp_tests* numpy/_core/include \
        plotly/labextension plotly/package_data/widgetbundle.js plotly/package_data/datasets && \
    find . -type d -name tests -prune -exec rm -rf {} + && \
    find . -type f \( -name '*.py[xdi]' -o -name '*.[ch]' -o -name '*.[ch]pp' \) -delete
# Should another version need what is gone, the build fails, and not a run at its end.
RUN /opt/venv/bin/python -B -c "import agno.agent, fastapi, groq, locust, pandas, plotly.graph_objects, pyarrow.dataset, \
    pyarrow.parquet, pydantic, rich, scipy.stats, uvicorn, zmq"

# --- our own code as a wheel
FROM ${PYTHON_IMAGE} AS wheel
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY harness harness
COPY target_app target_app
COPY locustfiles locustfiles
COPY shapes shapes
RUN --mount=type=cache,target=/var/cache/pip \
    pip wheel --disable-pip-version-check --cache-dir /var/cache/pip --no-deps --wheel-dir /dist .

# --- what runs
FROM ${PYTHON_IMAGE}
COPY --from=dependencies /opt/venv /opt/venv
RUN --mount=type=bind,from=wheel,source=/dist,target=/dist \
    pip --python /opt/venv/bin/python install --disable-pip-version-check --no-cache-dir --no-index --no-deps \
        /dist/*.whl
COPY deploy/compose/healthy /usr/local/bin/
WORKDIR /app
COPY harness.toml ./
COPY locustfiles locustfiles
COPY shapes shapes
RUN /opt/venv/bin/python -m compileall -q locustfiles shapes && mkdir -p benchmarks/results

# Python can neither write bytecode into /opt nor find a home for an arbitrary user id.
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONFAULTHANDLER=1

# Which commit the manifests of runs name; last, because it changes with each.
ARG GIT_COMMIT=unknown
ENV HARNESS_GIT_COMMIT=${GIT_COMMIT}
LABEL org.opencontainers.image.title="agent-load-harness" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision=${GIT_COMMIT}

# Any user id works; compose sets that of the person who started it.
USER 1000:1000
CMD ["harness", "--help"]
