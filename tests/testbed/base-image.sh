#!/usr/bin/env bash
# Prints the name of an image with Python to build on: the published one where it can be pulled, else a small Debian
# made here by debootstrap (a minute, once).
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$TESTBED/docker.sh"

# The mirror is the one that this machine's apt uses.
mirror() {
  # Read to the end: with pipefail, a "head" that stops early would fail.
  apt-get indextargets --format '$(SITE) $(CODENAME)' 'Created-By: Packages' |
    awk -v suite="$DEBIAN_SUITE" '$2 == suite && !found { found = $1 } END { print found }'
}

build() {
  local root="$STAGE/root" from
  from="${DEBIAN_MIRROR:-$(mirror)}"
  debootstrap --variant=minbase --include=ca-certificates,python3-minimal,libpython3-stdlib,python3 \
    "$DEBIAN_SUITE" "$root" ${from:+"$from"} >"$LOGS/debootstrap.log" 2>&1 ||
    { tail -n 5 "$LOGS/debootstrap.log" >&2; die "debootstrap failed"; }
  # The certificates that this machine trusts, for https behind an own authority.
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
  ln -sf python3 "$root/usr/bin/python"
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/cache/apt/*.bin \
    "$root"/var/lib/apt/lists/* "$root"/var/log/* "$root"/usr/share/doc/* "$root"/usr/share/man/*
  mkdir -p "$root/var/lib/apt/lists/partial" "$root/var/cache/apt/archives/partial"
  tar -C "$root" -c . | docker import --change 'CMD ["bash"]' \
    --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - "$LOCAL_BASE_IMAGE" >/dev/null
}

ensure_docker
if [ -n "${BASE_IMAGE:-}" ]; then
  echo "$BASE_IMAGE"
elif have_image "$LOCAL_BASE_IMAGE"; then
  echo "$LOCAL_BASE_IMAGE"
elif [ "${1:-}" != --own ] && pulled "$PUBLISHED_BASE_IMAGE"; then
  echo "$PUBLISHED_BASE_IMAGE"
else
  [ "$(id -u)" = 0 ] && command -v debootstrap >/dev/null ||
    die "$PUBLISHED_BASE_IMAGE can't be pulled here; to make a Debian of our own, root and debootstrap are needed (apt-get install debootstrap)"
  STAGE="$(mktemp -d "$BED/base.XXXXXX")"
  trap 'rm -rf "$STAGE"' EXIT
  timed "making a small Debian with Python (a minute)" build
  echo "$LOCAL_BASE_IMAGE"
fi
