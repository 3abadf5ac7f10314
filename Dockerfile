# The relay in an image: every part of it is the same image with another command.
#
#   celery -A workers worker     the default: any number of them
#   celery -A workers beat       one; any number is safe
#   ei-relay exporter            metrics and health over HTTP
#   ei-relay console             the web page, behind a proxy that signs people in
#   ei-relay run                 everything in one process, without a broker
#   ei-relay db upgrade          and every other command, such as status
#
# It needs a configuration (EI_RELAY_CONFIG, by default /etc/ei-relay/config/ei-relay.toml), writes nothing but under
# /tmp, and so runs with a read-only root file system and a tmpfs there. SIGTERM ends it in order: the calls that are
# out are finished and recorded, which takes at most call_timeout; allow it 30 s more (docs/install.md). Run it with
# --init (docker, podman) or shareProcessNamespace (Kubernetes): as process 1 it would not hear a SIGTERM while it starts.
#
# The base is pinned by tag, so that a rebuild brings its security updates; add its digest (@sha256:…) where every
# rebuild has to be the same.
ARG BASE=python:3.13-slim-trixie

# hadolint ignore=DL3006
FROM ${BASE} AS build
WORKDIR /src
# The web page, certificates in PKCS#12, and drivers for outboxes elsewhere than in PostgreSQL: mysql, oracle (mssql needs Microsoft's own ODBC driver too)
ARG EXTRAS=mysql,pkcs12,console
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_CONSTRAINT=/src/constraints.txt \
    PIP_BUILD_CONSTRAINT=/src/constraints.txt
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY relay relay
COPY workers workers
# Wheels only but for the relay itself: a build that would need a compiler fails here, and says which package did
RUN python -m venv --without-pip /opt/ei-relay \
 && python -m pip --python /opt/ei-relay/bin/python install --only-binary :all: ".[${EXTRAS}]"

# hadolint ignore=DL3006
FROM ${BASE}
# The base's own pip goes: nobody installs anything into a relay. Its standard library comes uncompiled, and nothing may
# be written later: each command and each probe would compile hundreds of modules anew
RUN rm -rf /usr/local/lib/python3*/site-packages/pip* /usr/local/bin/pip* \
 && python -c "import compileall, re, sysconfig; compileall.compile_dir(sysconfig.get_path('stdlib'), quiet=2, \
      rx=re.compile('/(test|tests|idlelib|lib2to3|ensurepip|turtledemo|site-packages|dist-packages)/'))" \
 && useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin ei-relay
COPY --from=build /opt/ei-relay /opt/ei-relay
# LOGNAME is whom the audit log names, also where a platform gives the process another user id
ENV PATH=/opt/ei-relay/bin:$PATH \
    LOGNAME=ei-relay \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    EI_RELAY_CONFIG=/etc/ei-relay/config/ei-relay.toml
USER 10001:10001
WORKDIR /tmp
STOPSIGNAL SIGTERM
CMD ["celery", "-A", "workers", "worker"]
