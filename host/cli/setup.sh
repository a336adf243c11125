#!/bin/sh
# Installs everything that Nearlight needs on this machine, once. Silent and quick when nothing is missing.
#   sh host/cli/setup.sh            npm packages and the private runtime; needs no root and changes no system package
#   sh host/cli/setup.sh --installed  the runtime only, for an installed package, whose dependencies npm has installed
#   sh host/cli/setup.sh --bundle   also the runtime that a node bundle is made from
#   sh host/cli/setup.sh --test     also what the tests need, with the system's own package manager
#   sh host/cli/setup.sh --test --system   the tests' system packages only, for an administrator
# The runtime lies in ~/.cache/nearlight/runtime, for root in /var/cache/nearlight/runtime; NEARLIGHT_RUNTIME names another folder.
# POSIX sh. While nothing is missing, this runs shell builtins, id and cksum.
set -eu

# The root of the system whose files are examined; tests set it to a folder of their own.
root=

have() { command -v "$1" >/dev/null 2>&1; }

any() {
  for path in "$@"; do
    if [ -e "$path" ]; then return 0; fi
  done
  return 1
}

library() { any "$root"/usr/lib/"$1" "$root"/usr/lib/*/"$1" "$root"/usr/lib64/"$1" "$root"/usr/local/lib/"$1"; }

# contains FILE TEXT...: succeeds if a line of the file contains one of the texts.
contains() {
  file=$1
  shift
  while IFS= read -r line || [ -n "$line" ]; do
    for text in "$@"; do
      case $line in *"$text"*) return 0 ;; esac
    done
  done <"$file"
  return 1
}

wasmedge_ready() {
  if [ -n "${WASMEDGE_DIR:-}" ]; then
    [ -e "$WASMEDGE_DIR/include/wasmedge/wasmedge.h" ] && [ -e "$WASMEDGE_DIR/lib/libwasmedge.so" ]
    return
  fi
  library libwasmedge.so || return 1
  for header in "$root"/usr/local/include/wasmedge/version.h "$root"/usr/include/wasmedge/version.h; do
    if [ -e "$header" ]; then
      contains "$header" '"0.14.'
      return
    fi
  done
  return 1
}

# Dawn needs Mesa 25, whose drivers are the first ones of Mesa that declare Vulkan 1.4.
vulkan_driver_ready() {
  if [ -n "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ]; then return 0; fi
  for manifest in "$root"/usr/share/vulkan/icd.d/*.json "$root"/etc/vulkan/icd.d/*.json \
    "$root"/usr/local/share/vulkan/icd.d/*.json; do
    [ -e "$manifest" ] || continue
    case ${manifest##*/} in
      nvidia*) if [ -e "$root/dev/nvidiactl" ]; then return 0; fi ;;
      lvp*) if contains "$manifest" '"1.4' '"1.5'; then return 0; fi ;;
      *) if any "$root"/dev/dri/renderD* && contains "$manifest" '"1.4' '"1.5'; then return 0; fi ;;
    esac
  done
  return 1
}

packages_ready() {
  [ -x node_modules/.bin/node ] && [ -e node_modules/.nearlight ] || return 1
  IFS= read -r lock <node_modules/.nearlight || true
  [ "$lock" = "$(cksum <package-lock.json)" ]
}

# Sets `missing` to the names of what is missing: `packages`, parts of the private runtime as RELEASE-KIND, and, on a system
# for which no such runtime is made, what the user has to install.
find_missing() {
  missing= missing_system=
  if ! $testing_only && ! $installed && ! packages_ready; then missing=packages; fi
  if $testing; then find_missing_system; fi
  if $testing_only; then return; fi
  compiler_missing=true
  if have "${CXX:-c++}"; then compiler_missing=false; fi
  case $ID-$release in
    debian-bookworm | debian-trixie)
      if [ -z "${WASMEDGE_DIR:-}" ] || ! wasmedge_ready || ! library libvulkan.so.1 || ! vulkan_driver_ready; then
        runtime_ready "$release" || missing="$missing $release-runtime"
      fi
      if $compiler_missing && ! compiler_ready "$release"; then missing="$missing $release-compiler"; fi
      ;;
    *)
      if $compiler_missing; then missing="$missing compiler"; fi
      wasmedge_ready || missing="$missing wasmedge"
      library libvulkan.so.1 || missing="$missing loader"
      vulkan_driver_ready || missing="$missing driver"
      ;;
  esac
  if $bundling; then
    for part in runtime compiler; do
      case " $missing " in *" bookworm-$part "*) continue ;; esac
      "${part}_ready" bookworm || missing="$missing bookworm-$part"
    done
  fi
}

describe() {
  case $1 in
    packages) echo 'Node 24 and npm packages, which build and run the host' ;;
    "$release-runtime") echo 'WasmEdge 0.14.1, which runs the games, and Mesa 25, which draws where there is no GPU' ;;
    "$release-compiler") echo 'a C++ compiler, for the native addons and the guest program' ;;
    *-runtime) echo 'WasmEdge and Mesa of Debian 12, for node bundles' ;;
    *-compiler) echo 'a C++ compiler of Debian 12, for node bundles' ;;
    compiler) echo 'a C++ compiler, for the native addons and the guest program' ;;
    wasmedge) echo 'WasmEdge 0.14.1 with headers, which runs the games' ;;
    loader) echo 'the Vulkan loader, which finds the graphics driver' ;;
    driver) echo 'a Vulkan 1.4 driver, with which the host draws' ;;
    *) describe_system "$1" ;;
  esac
}

remedy() {
  case $1 in
    packages) echo 'run npm install' ;;
    *-runtime) echo 'point WASMEDGE_DIR at WasmEdge 0.14.1 and install the Vulkan loader and a Vulkan 1.4 driver' ;;
    *compiler) echo 'install g++ or clang, or point CXX at a compiler' ;;
    wasmedge)
      if [ -n "${WASMEDGE_DIR:-}" ]; then
        echo "WASMEDGE_DIR=$WASMEDGE_DIR lacks include/wasmedge/wasmedge.h or lib/libwasmedge.so: correct it or unset it"
      else
        echo 'install it (https://wasmedge.org/docs/start/install) and point WASMEDGE_DIR at the folder of include/ and lib/'
      fi
      ;;
    loader) echo 'install libvulkan1 (vulkan-loader on Fedora, vulkan-icd-loader on Arch)' ;;
    driver) echo "install the GPU's driver or mesa-vulkan-drivers 25 or later (vulkan-swrast on Arch)" ;;
    *) remedy_system "$1" ;;
  esac
}

# refuse WHY: lists what is missing and how to get it, and ends the script.
refuse() {
  echo "nearlight: set-up cannot install what is missing: $1" >&2
  for item in $missing $missing_system; do
    if [ "$item" = packages ]; then continue; fi
    echo "  - $(describe "$item")" >&2
    echo "      $(remedy "$item")" >&2
  done
  echo 'Then run the same command again.' >&2
  exit 1
}

# Installs the npm packages. Inside npm's scripts, the pinned Node comes first on PATH; npm replaces it here, so it must run on
# another one. `npm ci` would fail if a registry lacks optional packages of other platforms, so this is `npm install`.
install_packages() {
  path=
  saved=$IFS
  IFS=:
  for folder in $PATH; do
    case $folder in */node_modules/.bin | */node-gyp-bin) ;; *) path=$path${path:+:}$folder ;; esac
  done
  IFS=$saved
  PATH=$path npm install --no-save --no-audit --no-fund --no-progress \
    --fetch-retry-mintimeout=2000 --fetch-retry-maxtimeout=10000 </dev/null 8>&- 9>&- || return 1
  [ -x node_modules/.bin/node ] || return 1
  rm -f node_modules/.nearlight
  cksum <package-lock.json >node_modules/.nearlight
}

# step TEXT LOG COMMAND: runs the command with its output in the log, and prints one line with the time it took.
step() {
  text=$1 output=$2
  shift 2
  start=$(date +%s)
  if "$@" >>"$output" 2>&1; then
    printf '  done: %s (%d s)\n' "$text" "$(($(date +%s) - start))"
  else
    printf 'nearlight: set-up failed: %s. The end of %s:\n' "$text" "$output" >&2
    tail -n 20 "$output" | sed 's/^/  | /' >&2
    return 1
  fi
}

# Ends the script unless everything that is missing can be installed here.
check_missing() {
  if [ -n "${WASMEDGE_DIR:-}" ] && ! $testing_only && ! wasmedge_ready; then
    missing="$missing wasmedge"
    refuse 'WASMEDGE_DIR is set, but WasmEdge is not in that folder'
  fi
  for item in $missing; do
    if [ "$item" != packages ]; then served || refuse "$(unserved)"; fi
  done
  if [ -n "$missing_system" ]; then check_system; fi
  case " $missing " in
    *' packages '*)
      if ! have npm; then
        echo 'nearlight: npm is missing: install Node.js 20 or later (https://nodejs.org)' >&2
        exit 1
      fi
      ;;
  esac
}

main() {
  testing=false testing_only=false bundling=false installed=false
  for argument in "$@"; do
    case $argument in
      --test) testing=true bundling=true ;;
      --bundle) bundling=true ;;
      --installed) installed=true ;;
      --system) testing_only=true ;;
      *)
        echo 'usage: sh host/cli/setup.sh [--installed] [--bundle] [--test [--system]]' >&2
        exit 2
        ;;
    esac
  done
  identify
  locate_runtime
  find_missing
  if [ -z "$missing$missing_system" ]; then return; fi

  check_missing
  if $installed; then
    state=$base
    (umask 077 && mkdir -p "$state")
  else
    # The hosts of pods, and the trials of shaders, are users of their own and run what is in it.
    state=build
    mkdir -p -m 755 "$state"
  fi
  exec 9>"$state/setup.lock"
  if have flock && ! flock -n 9; then
    echo 'nearlight: waiting for another set-up of this folder ...'
    flock 9
  fi
  find_missing
  if [ -z "$missing$missing_system" ]; then return; fi
  log=$state/setup.log
  echo "nearlight: setting up, once (details in $log):"
  for item in $missing $missing_system; do echo "  - $(describe "$item")"; done
  rm -f "$log" "$log".*
  install_missing
  if [ -n "$missing$missing_system" ]; then refuse "the installation succeeded, but something is still not found; see $log"; fi
}

# Installs what is missing. With the tests' packages, Debian 12 gets Debian 13's C library and its os-release, by which the runtime
# is chosen: what is missing for that release is then installed as well.
install_missing() {
  install
  before=$release
  identify
  find_missing
  if [ "$release" = "$before" ] || [ -z "$missing" ]; then return; fi
  install
  find_missing
}

# Installs npm packages, system packages and the private runtime at the same time, as they mostly wait for network and disk.
# A job in the background does not receive an interrupt from the keyboard: npm and dpkg finish, and hold the lock until then.
install() {
  jobs= status=0
  case " $missing " in
    *' packages '*)
      step 'npm packages' "$log.npm" install_packages &
      jobs=$!
      ;;
  esac
  if [ -n "$missing_system" ]; then
    step 'system packages' "$log.system" without_services install_system &
    jobs="$jobs $!"
  fi
  for suite in trixie bookworm; do
    kinds=
    case " $missing " in *" $suite-compiler "*) kinds=compiler ;; esac
    case " $missing " in *" $suite-runtime "*) kinds="$kinds runtime" ;; esac
    if [ -n "$kinds" ] && [ $status = 0 ]; then make_runtime "$suite" "$kinds" || status=1; fi
  done
  for job in $jobs; do wait "$job" || status=1; done
  for part in "$log".*; do
    if [ -e "$part" ]; then cat "$part" >>"$log" && rm -f "$part"; fi
  done
  if [ $status != 0 ]; then exit 1; fi
}

# The tests source this file and call its functions; everyone else runs it.
case ${0##*/} in
  setup.sh)
    case $0 in */*) here=${0%/*} ;; *) here=. ;; esac
    for part in archive runtime system; do
      # shellcheck disable=SC1090
      . "$here/$part.sh"
    done
    cd "$here/../.."
    main "$@"
    ;;
esac
