# A worker on the processor, for one queue.
#
#   docker build --file deploy/containers/worker.Dockerfile --tag pawkin-worker .
#
# torch's build is chosen by the place it comes from. The default place has the build for CUDA,
# which works here as well but is several gigabytes larger; TORCH_INDEX names another, for instance
# the one for CPUs that PyTorch's own installation page gives:
#
#   docker build … --build-arg TORCH_INDEX=ADDRESS …

FROM python:3.11-slim AS build

ARG TORCH_INDEX=""
ENV PATH=/opt/venv/bin:$PATH \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1
# xtcocotools is compiled (requirements-nodeps.txt says why). The compiler stays in this stage.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/* \
    && python -m venv /opt/venv

# The three steps of script/setup, before the code, so that a change of code does not repeat them.
WORKDIR /tmp/requirements
COPY constraints.txt requirements.txt requirements-nodeps.txt ./
RUN pip install -c constraints.txt ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} \
        "$(grep '^torch==' constraints.txt)"
RUN pip install -c constraints.txt -r requirements.txt
RUN pip install -c constraints.txt --no-deps --no-build-isolation -r requirements-nodeps.txt

WORKDIR /opt/pawkin
COPY manage.py ./
COPY portal portal
COPY workers workers
COPY ml ml
COPY templates templates
COPY locale locale
# E-mails are written by workers, in their reader's language. Settings look for a folder of static
# files, which is empty here.
RUN mkdir static \
    && for catalogue in locale/*/LC_MESSAGES/django.po; do \
        python -m babel.messages.frontend --quiet compile -i "$catalogue" -o "${catalogue%.po}.mo" \
            || exit 1; \
    done \
    && python -m compileall -q --invalidation-mode unchecked-hash portal workers ml


FROM python:3.11-slim

# The same number as in the web image: they share the volume of photos.
RUN groupadd --gid 10001 pawkin \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin \
        pawkin \
    && install -d -o pawkin -g pawkin -m 0750 /var/lib/pawkin /var/lib/pawkin/media \
        /var/lib/pawkin/models

COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/pawkin /opt/pawkin

# Compiled networks and the weights of versions in use lie in one volume. What libraries like to
# keep in a home folder goes to /tmp: the rest of the image may be read-only.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/pawkin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=portal.settings \
    PAWKIN_DATA=/var/lib/pawkin \
    MODEL_CACHE_DIR=/var/lib/pawkin/models/compiled \
    MODEL_KEPT_DIR=/var/lib/pawkin/models/kept \
    HOME=/tmp \
    XDG_CACHE_HOME=/tmp/cache \
    MPLCONFIGDIR=/tmp/matplotlib

WORKDIR /opt/pawkin
USER 10001:10001
# Celery ends the task at hand first, so whoever stops the container has to give it that time.
STOPSIGNAL SIGTERM
# The first start compiles the models, which may take ten minutes on a slow machine. The queue is
# that of CMD: who changes one changes the other.
HEALTHCHECK --interval=60s --timeout=20s --start-period=600s --retries=3 \
    CMD ["python", "-P", "manage.py", "worker_alive", "--queue", "interactive"]

CMD ["python", "-P", "-m", "celery", "-A", "portal", "worker", "--queues", "interactive", \
     "--hostname", "interactive@%h", "--pool", "prefork", "--concurrency", "1", \
     "--without-gossip", "--without-mingle", "--loglevel", "INFO"]
