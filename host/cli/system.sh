#!/bin/sh
# The system packages that the tests need: a browser, containerd, a registry, NATS. Sourced by setup.sh. Only `--test` installs
# them, with apt and as root.

trixie=/etc/apt/sources.list.d/nearlight-trixie.sources
policy=/usr/sbin/policy-rc.d

programs() {
  for name in "$@"; do
    any "$root/usr/bin/$name" "$root/usr/sbin/$name" "$root/usr/local/bin/$name" "$root/bin/$name" "$root/sbin/$name" || return 1
  done
}

# Sets `missing_system` to the names of the groups of system packages that the tests lack.
find_missing_system() {
  missing_system=
  [ -x "$root${CHROMIUM:-/usr/bin/chromium}" ] || missing_system="$missing_system browser"
  programs containerd ctr runc || missing_system="$missing_system containerd"
  programs docker-registry skopeo umoci || missing_system="$missing_system images"
  programs ip && any "$root/usr/lib/cni/bridge" || missing_system="$missing_system network"
  any "$root/usr/share/gocode/src/k8s.io/cri-api/pkg/apis/runtime/v1/api.proto" || missing_system="$missing_system cri"
  programs kubectl || missing_system="$missing_system kubectl"
  programs nats-server || missing_system="$missing_system nats"
  programs debootstrap readelf c++ || missing_system="$missing_system tools"
}

describe_system() {
  case $1 in
    browser) echo 'Chromium, in which the tests play games' ;;
    containerd) echo 'containerd and runc, which run pods in the tests' ;;
    images) echo 'docker-registry, skopeo and umoci, which serve and read images in the tests' ;;
    network) echo 'CNI plugins and iproute2, for the network of the tests' ;;
    cri) echo "the CRI's api.proto, with which the tests act as a kubelet" ;;
    kubectl) echo 'kubectl, which builds the manifests in the tests' ;;
    nats) echo 'nats-server, over which rooms exchange messages in the tests' ;;
    tools) echo 'debootstrap, binutils and g++, for the systems and programs that the tests make' ;;
  esac
}

package_of() {
  case $1 in
    browser) echo chromium ;;
    containerd) echo containerd runc ;;
    images) echo docker-registry skopeo umoci ;;
    network) echo containernetworking-plugins iproute2 ;;
    cri) echo golang-github-kubernetes-cri-api-dev ;;
    kubectl) echo kubernetes-client ;;
    nats) echo nats-server ;;
    tools) echo debootstrap binutils g++ ;;
  esac
}

remedy_system() {
  case $1 in
    browser) echo 'install chromium as /usr/bin/chromium, or point CHROMIUM at the program' ;;
    *) echo "install the packages $(package_of "$1")" ;;
  esac
}

# Ends the script unless the system packages that the tests need can be installed here.
check_system() {
  served || refuse "$(unserved)"
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null ||
      refuse "installing the tests' packages needs root, or sudo without a password; an administrator can run: sh $PWD/host/cli/setup.sh --test --system"
  fi
}

# Adds Debian 13's archive to apt. Debian 12 has no containerd, kubectl or CRI that is new enough; only these come from there.
add_trixie() {
  source_of trixie | as_root tee "$trixie" >/dev/null
  printf 'Package: *\nPin: release n=trixie\nPin-Priority: 100\n' |
    as_root tee /etc/apt/preferences.d/nearlight-trixie >/dev/null
}

# Runs a command without starting the services of the packages that it installs, neither now (invoke-rc.d(8), policy) nor when
# the machine starts. The tests start their own services.
without_services() {
  for service in containerd docker-registry nats-server; do
    unit=/etc/systemd/system/$service.service
    if ! programs "$service" && ! any "$root$unit"; then
      as_root mkdir -p "${unit%/*}" && as_root ln -s /dev/null "$unit"
    fi
  done
  own_policy=false status=0
  if ! any "$root$policy"; then
    own_policy=true
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null && as_root chmod 755 "$policy"
  fi
  "$@" || status=$?
  if $own_policy; then as_root rm -f "$policy"; fi
  return $status
}

# Runs a command as root, without descriptors 8 and 9: they are locks that only this script may hold.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@" 8>&- 9>&-; else sudo -n "$@" 8>&- 9>&-; fi
}

apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

# Updates apt's package lists, in a second try if the archive does not answer the first. The installation reports a failure.
update_lists() { apt_get update || { sleep 3 && apt_get update; } || true; }

# Installs packages of the system's own release first: Debian 12's compiler cannot be installed with Debian 13's C library.
install_system() {
  # A package of Debian 13 may have replaced the os-release of Debian 12, but the archive is still Debian 12's.
  number=$VERSION_ID
  if any "$root$trixie"; then number=12; fi
  own= newer=
  for item in $missing_system; do
    case $number-$item in
      12-containerd | 12-cri | 12-kubectl) newer="$newer $(package_of "$item")" ;;
      *) own="$own $(package_of "$item")" ;;
    esac
  done
  if [ -n "$newer" ]; then add_trixie; fi
  update_lists
  # shellcheck disable=SC2086 # lists of package names
  if [ -n "$own" ]; then apt_get install $own || return 1; fi
  # shellcheck disable=SC2086
  if [ -n "$newer" ]; then apt_get install -t trixie $newer || return 1; fi
}
