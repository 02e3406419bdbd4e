# shellcheck shell=bash
# Sourced after common.sh: buildah and podman with a store of their own below
# build/, so that nothing of the machine's other containers is touched and
# removing that folder removes all of it.

KVPLACE_CONTAINERS=${KVPLACE_CONTAINERS:-$KVPLACE_ROOT/build/containers}
export KVPLACE_VERSION
KVPLACE_VERSION=$(sed -n 's/^ *VERSION \([0-9.]*\)$/\1/p' "$KVPLACE_ROOT/CMakeLists.txt")
export KVPLACE_IMAGE=localhost/kvplace:$KVPLACE_VERSION
export KVPLACE_BASE_IMAGE=localhost/debian:bookworm-slim
_store=(--root "$KVPLACE_CONTAINERS/storage" --runroot "$KVPLACE_CONTAINERS/run" --storage-driver overlay)

buildah() { command buildah "${_store[@]}" "$@"; }
podman() { command podman "${_store[@]}" --log-level error "$@"; }

# runc and cgroupfs run without systemd and on both versions of cgroups. The
# limits are within what an unprivileged outer container may set.
containers_begin() {
  local tool
  for tool in buildah podman runc mmdebstrap; do
    command -v "$tool" >/dev/null || die "no $tool (scripts/install-deps --deploy installs it)"
  done
  ((EUID == 0)) || die "building and running without a registry needs root; or use docker build"
  mkdir -p "$KVPLACE_CONTAINERS"
  export CONTAINERS_CONF=$KVPLACE_CONTAINERS/containers.conf
  cat >"$CONTAINERS_CONF" <<'TOML'
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
TOML
}

# For a check: builds the image and says what it did only if that failed.
containers_image() {
  local log
  if ((EUID != 0)) && ! strict; then
    echo "skipped: building and running images without a registry needs root"
    exit "$SKIPPED"
  fi
  log=$(mktemp)
  if ! "$KVPLACE_ROOT/scripts/image" build >"$log" 2>&1; then
    cat "$log"
    rm -f "$log"
    die "scripts/image build failed"
  fi
  rm -f "$log"
  containers_begin
}

# start_locked [PODMAN_OPTION...] -- [ARGUMENT...]: a container as it should be
# run, with a network of its own that has loopback only. Sets `container`.
start_locked() {
  local options=()
  while [[ $1 != -- ]]; do
    options+=("$1")
    shift
  done
  shift
  container=$(podman run -d --read-only --cap-drop=all --security-opt no-new-privileges \
    --memory 256m --network none --no-healthcheck "${options[@]}" "$KVPLACE_IMAGE" "$@")
}

# inspect FILTER: of the container.
inspect() { podman inspect "$container" | jq -r ".[0] | $1"; }

# inside_network COMMAND...: a program of this machine in the container's network.
inside_network() { nsenter -t "$(inspect .State.Pid)" -n "$@"; }

# until_true SECONDS COMMAND...
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || return 1
    sleep 0.1
  done
}
