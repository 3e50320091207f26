# syntax=docker/dockerfile:1
# A small image of one kernel, run as a user of its own. The home is a volume; the API listens on loopback inside unless
# infrafabric.toml has TLS (docs/serving.md).
FROM python:3.13-slim-bookworm AS build
WORKDIR /src
COPY . .
ENV PIP_CONSTRAINT=/src/constraints.txt PIP_BUILD_CONSTRAINT=/src/constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/infrafabric && /opt/infrafabric/bin/pip install --no-cache-dir ".[mcp]"

FROM python:3.13-slim-bookworm
RUN groupadd --system --gid 10001 infrafabric \
    && useradd --system --uid 10001 --gid 10001 --home-dir /home/infrafabric --create-home infrafabric \
    && install -d -o infrafabric -g infrafabric -m 0700 /var/lib/infrafabric
COPY --from=build /opt/infrafabric /opt/infrafabric
ENV PATH=/opt/infrafabric/bin:$PATH INFRAFABRIC_HOME=/var/lib/infrafabric/home PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
VOLUME /var/lib/infrafabric
EXPOSE 8400
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s \
    CMD ["python", "-c", "import os, sys; from pathlib import Path; from infrafabric.control.local.place import is_served; sys.exit(not is_served(Path(os.environ['INFRAFABRIC_HOME'])))"]
ENTRYPOINT ["ifctl"]
CMD ["up"]
