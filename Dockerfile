# kvplaced, and beside it kvplacectl and kvplace-worker, on Debian.
#
#   docker build -t kvplace .          or scripts/image build, without Docker
#   docker run --rm --read-only --cap-drop=all -p 50551:50551 -p 9551:9551 kvplace
#
# Build arguments, none needed:
#   KVPLACE_SOURCE_STATE  what --version says besides the release, from git describe
#   KVPLACE_WERROR        ON: warnings are errors
#   CCACHE_DIR, LANG      where compiled objects are kept between builds; ccache
#                         knows one by the locale, too

FROM debian:bookworm-slim AS build
WORKDIR /kvplace
COPY scripts/install-deps scripts/install-deps
COPY scripts/lib/common.sh scripts/lib/common.sh
RUN scripts/install-deps --programs \
 && apt-get -q -y install --no-install-recommends ccache
COPY . .
ARG CCACHE_DIR=/var/cache/ccache
ARG LANG
ARG KVPLACE_WERROR=OFF
ARG KVPLACE_SOURCE_STATE=
RUN --mount=type=cache,target=/var/cache/ccache \
    export CCACHE_DIR \
 && cmake --preset release -D KVPLACE_BUILD_TESTS=OFF -D CMAKE_INSTALL_PREFIX=/usr \
      -D "KVPLACE_WERROR=${KVPLACE_WERROR}" -D "KVPLACE_SOURCE_STATE=${KVPLACE_SOURCE_STATE}" \
 && cmake --build --preset release --target kvplaced kvplacectl kvplace-worker \
 && DESTDIR=/installed cmake --install build/release --strip

FROM debian:bookworm-slim
RUN apt-get -q update \
 && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends \
      ca-certificates libgrpc++1.51 libprometheus-cpp-core1.0 libcivetweb1 libspdlog1.10 \
      libssl3 libyaml-cpp0.7 libzstd1 zlib1g \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/* /var/log/apt /var/log/dpkg.log \
 && install -d -o 10001 -g 10001 -m 0750 /var/lib/kvplace
COPY --from=build /installed/usr/bin/ /usr/bin/

LABEL org.opencontainers.image.title="kvplace" \
      org.opencontainers.image.description="Decides where the KV cache of LLM inference lives" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
ARG KVPLACE_SOURCE_STATE=
LABEL org.opencontainers.image.revision="${KVPLACE_SOURCE_STATE}"

USER 10001:10001
EXPOSE 50551 9551
STOPSIGNAL SIGTERM
# Asks the server at --listen; one that is configured otherwise needs the same
# --config here, as in deploy/kustomize.
HEALTHCHECK --interval=10s --timeout=3s --start-period=2s CMD ["/usr/bin/kvplaced", "--probe"]
ENTRYPOINT ["/usr/bin/kvplaced"]
# Loopback of a container is nobody's. Without TLS and a token: docs/operations.md#security.
CMD ["--listen", "0.0.0.0:50551", "--metrics-listen", "0.0.0.0:9551"]
