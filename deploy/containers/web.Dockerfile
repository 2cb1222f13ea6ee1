# The portal, the scheduler and the migrations: all that loads no model.
#
#   docker build --file deploy/containers/web.Dockerfile --tag pawkin-web .
#
# It has no torch: the portal never imports it (tests/test_architecture.py), and an image a tenth of
# the size starts sooner and has less to be mended. There is one requirements.txt, so that a version
# is pinned once; web-leaves-out.txt names what is not taken from it.

FROM python:3.11-slim AS build

ENV PATH=/opt/venv/bin:$PATH \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
WORKDIR /opt/pawkin

# Before the code, so that a change of code does not install everything again. All of these have
# wheels, so nothing is compiled.
COPY constraints.txt requirements.txt deploy/containers/web-leaves-out.txt /tmp/
RUN left_out=$(grep -v '^#' /tmp/web-leaves-out.txt | tr '\n' '|') \
    && grep -v -E "^(${left_out%|})==" /tmp/requirements.txt > /tmp/web.txt \
    && pip install --only-binary :all: -c /tmp/constraints.txt -r /tmp/web.txt

COPY manage.py ./
COPY portal portal
COPY workers workers
COPY ml ml
COPY templates templates
COPY static static
COPY locale locale
COPY deploy/containers/healthcheck.py ./
# Weights are for workers. The embedded settings are for this step alone: their secret stays in
# this stage.
RUN rm -r ml/weights \
    && for catalogue in locale/*/LC_MESSAGES/django.po; do \
        python -m babel.messages.frontend --quiet compile -i "$catalogue" -o "${catalogue%.po}.mo" \
            || exit 1; \
    done \
    && PAWKIN_EMBEDDED=true PAWKIN_DATA=/tmp/data STATIC_ROOT=/opt/static \
        python manage.py collectstatic --no-input --verbosity 0 \
    && python -m compileall -q --invalidation-mode unchecked-hash portal workers ml


FROM python:3.11-slim

# A fixed number, so that a volume belongs to the same user whatever image comes next.
RUN groupadd --gid 10001 pawkin \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin \
        pawkin \
    && install -d -o pawkin -g pawkin -m 0750 /var/lib/pawkin /var/lib/pawkin/media \
        /var/lib/pawkin/run /var/backups/pawkin

COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/static /opt/static
COPY --from=build /opt/pawkin /opt/pawkin

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/pawkin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=portal.settings \
    PAWKIN_DATA=/var/lib/pawkin \
    STATIC_ROOT=/opt/static

WORKDIR /opt/pawkin
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-P", "healthcheck.py", "/health/live"]

# As portal/supervision/supervisord.conf has it, with more time for requests under way at the end.
# There is no access log: gunicorn's would hold private links; the portal and the proxy each log a
# line a request without them. The workers' signs of life lie in memory, where no full disk holds
# them up.
CMD ["python", "-P", "-m", "gunicorn", "portal.wsgi", "--preload", "--bind", "0.0.0.0:8000", \
     "--worker-class", "gthread", "--workers", "2", "--threads", "8", "--timeout", "60", \
     "--graceful-timeout", "30", "--no-control-socket", "--worker-tmp-dir", "/dev/shm"]
