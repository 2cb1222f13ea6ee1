# A worker on a GPU, for one queue.
#
#   docker build --file deploy/containers/worker-gpu.Dockerfile --tag pawkin-worker-gpu .
#
# torch's CUDA build brings CUDA's own libraries; only the driver comes from the machine, through
# NVIDIA's container toolkit. So the plain Python image is enough. BASE may name another one with
# Python 3.11, such as one built on nvidia/cuda, where a house has its own rules for that.
# TORCH_INDEX is the place of torch's build for another CUDA version than the default one's, as
# PyTorch's own installation page gives it. Without a GPU this image works on the processor, through
# OpenVINO, as worker.Dockerfile's does.

ARG BASE=python:3.11-slim
FROM ${BASE} AS build

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


FROM ${BASE}

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
    MPLCONFIGDIR=/tmp/matplotlib \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility

WORKDIR /opt/pawkin
USER 10001:10001
# Celery ends the task at hand first, so whoever stops the container has to give it that time.
STOPSIGNAL SIGTERM
# The first start compiles the models, which may take ten minutes on a slow machine. The queue is
# that of CMD: who changes one changes the other.
HEALTHCHECK --interval=60s --timeout=20s --start-period=600s --retries=3 \
    CMD ["python", "-P", "manage.py", "worker_alive", "--queue", "batch"]

CMD ["python", "-P", "-m", "celery", "-A", "portal", "worker", "--queues", "batch", \
     "--hostname", "batch@%h", "--pool", "prefork", "--concurrency", "1", \
     "--without-gossip", "--without-mingle", "--loglevel", "INFO"]
