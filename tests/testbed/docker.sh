# A docker daemon that can run a node of kind. Sourced after lib.sh, not run.
# shellcheck shell=bash

# full_caps: can processes here have every capability of the kernel?
full_caps() {
  local bounding last
  bounding="$(awk '/^CapBnd:/ { print $2 }' /proc/self/status)"
  last="$(cat /proc/sys/kernel/cap_last_cap)"
  [ $((16#$bounding)) -eq $(((1 << (last + 1)) - 1)) ]
}

default_runtime() { docker info -f '{{.DefaultRuntime}}' 2>/dev/null; }

# reload_docker RUNTIME: have the daemon read its configuration again, and wait until RUNTIME is not the default any
# more. SIGHUP does not disturb its containers.
reload_docker() {
  local i
  kill -HUP "$(cat /var/run/docker.pid)"
  for i in $(seq 20); do
    [ "$(default_runtime)" = "$1" ] || return 0
    sleep 0.5
  done
  die "dockerd did not read $DOCKER_CONF (round $i)"
}

# build_runc_bounded: the OCI runtime of machines that withhold a capability; see runc-bounded/main.go. The mv replaces
# it in one step, as it may be in use.
build_runc_bounded() {
  [ ! -x "$RUNC_BOUNDED" ] || [ "$TESTBED/runc-bounded/main.go" -nt "$RUNC_BOUNDED" ] || return 0
  command -v go >/dev/null || die "this machine withholds capabilities from containers; Go 1.24 or later is needed to build the runtime that does without them"
  (cd "$TESTBED/runc-bounded" && CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w" -o "$RUNC_BOUNDED.new" .)
  mv "$RUNC_BOUNDED.new" "$RUNC_BOUNDED"
}

start_docker() {
  local i args=()
  [ "$(id -u)" = 0 ] || die "no docker daemon answers, and only root can start one; start it, then run this again"
  grep -q ' /sys/fs/cgroup' /proc/mounts || die "no cgroup file system is mounted under /sys/fs/cgroup"
  if ! full_caps && ! grep -qsE '"(runtimes|default-runtime)"' "$DOCKER_CONF"; then
    args+=(--add-runtime "bounded=$RUNC_BOUNDED" --default-runtime bounded)
  fi
  say "starting dockerd (log: $LOGS/dockerd.log)"
  setsid nohup dockerd --data-root "${RETRAIN_DOCKER_ROOT:-/var/lib/docker}" "${args[@]}" \
    </dev/null >"$LOGS/dockerd.log" 2>&1 &
  echo "$!" >"$BED/dockerd.pid"
  for i in $(seq 60); do
    docker info >/dev/null 2>&1 && return
    sleep 1
  done
  tail -n 20 "$LOGS/dockerd.log" >&2
  die "dockerd does not answer (waited $i s)"
}

# ensure_docker: start a daemon where none answers (a machine without systemd), and see to it that it can run privileged
# containers, which kind needs. On a machine that withholds a capability from everything on it, docker's "--privileged"
# fails, because it asks for all of them; there the daemon gets runc-bounded, which asks for what can be had.
ensure_docker() {
  command -v docker >/dev/null || die "docker is missing; on Debian: apt-get install docker.io"
  full_caps || build_runc_bounded
  if ! docker info >/dev/null 2>&1; then
    command -v dockerd >/dev/null || die "no docker daemon answers, and dockerd is not installed; on Debian: apt-get install docker.io"
    start_docker
  fi
  if full_caps || [ "$(default_runtime)" = bounded ]; then return 0; fi
  # A daemon that somebody else started.
  local want="{\"runtimes\": {\"bounded\": {\"path\": \"$RUNC_BOUNDED\"}}, \"default-runtime\": \"bounded\"}"
  [ ! -e "$DOCKER_CONF" ] ||
    die "this machine withholds capabilities; merge this into $DOCKER_CONF, and reload dockerd: $want"
  say "writing $DOCKER_CONF and reloading dockerd"
  mkdir -p "$(dirname "$DOCKER_CONF")"
  printf '%s\n' "$want" >"$DOCKER_CONF"
  reload_docker runc
}

# release_docker: take back what ensure_docker wrote.
release_docker() {
  grep -qsF "$RUNC_BOUNDED" "$DOCKER_CONF" || return 0
  echo '{"default-runtime": "runc"}' >"$DOCKER_CONF"
  if docker info >/dev/null 2>&1; then reload_docker bounded; fi
  rm "$DOCKER_CONF"
}
