#!/bin/sh
# Brings everything that the project needs onto this machine, once; silent when nothing is to do.
#   sh host/cli/setup.sh            what running needs
#   sh host/cli/setup.sh --test     and what testing needs
#   sh host/cli/setup.sh --system   the system's packages only, for an administrator (combines with --test)
# POSIX sh. Nothing but shell builtins and one cksum runs while nothing is missing.
set -eu

# Where the system's files are looked up; tests point it at a folder of their own.
root=
log=build/setup.log
trixie=/etc/apt/sources.list.d/nearlight-trixie.sources
policy=/usr/sbin/policy-rc.d
newline='
'

have() { command -v "$1" >/dev/null 2>&1; }

any() {
  for path in "$@"; do
    if [ -e "$path" ]; then return 0; fi
  done
  return 1
}

programs() {
  for name in "$@"; do
    any "$root/usr/bin/$name" "$root/usr/sbin/$name" "$root/usr/local/bin/$name" "$root/bin/$name" "$root/sbin/$name" || return 1
  done
}

library() { any "$root"/usr/lib/"$1" "$root"/usr/lib/*/"$1" "$root"/usr/lib64/"$1" "$root"/usr/local/lib/"$1"; }

# contains FILE TEXT...: whether one line of the file holds one of the texts
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

# Dawn needs Mesa 25; its drivers are the first of Mesa's to declare Vulkan 1.4.
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

browser_ready() { [ -x "$root${CHROMIUM:-/usr/bin/chromium}" ]; }

packages_ready() {
  [ -x node_modules/.bin/node ] && [ -e node_modules/.nearlight ] || return 1
  IFS= read -r installed <node_modules/.nearlight || true
  [ "$installed" = "$(cksum <package-lock.json)" ]
}

# Sets `missing` to the names of what the system lacks.
find_missing() {
  missing=
  have "${CXX:-c++}" || missing="$missing compiler"
  wasmedge_ready || missing="$missing wasmedge"
  library libvulkan.so.1 || missing="$missing loader"
  vulkan_driver_ready || missing="$missing driver"
  if $testing; then
    browser_ready || missing="$missing browser"
    programs containerd ctr runc || missing="$missing containerd"
    programs docker-registry skopeo umoci || missing="$missing images"
    programs ip && any "$root/usr/lib/cni/bridge" || missing="$missing network"
    any "$root/usr/share/gocode/src/k8s.io/cri-api/pkg/apis/runtime/v1/api.proto" || missing="$missing cri"
    programs kubectl || missing="$missing kubectl"
    programs debootstrap readelf || missing="$missing bare"
  fi
}

describe() {
  case $1 in
    packages) echo 'Node 24 and npm packages, what the host is built and run with' ;;
    compiler) echo 'a C++ compiler, for the native addon and the guest program' ;;
    wasmedge) echo 'WasmEdge 0.14.1 with headers, runs the games' ;;
    loader) echo 'the Vulkan loader, finds the graphics driver' ;;
    driver) echo 'Mesa 25 (Vulkan driver), draws where there is no GPU' ;;
    browser) echo 'Chromium, plays in the tests' ;;
    containerd) echo 'containerd and runc, run the pods of the tests' ;;
    images) echo 'docker-registry, skopeo and umoci, take and read the images of the tests' ;;
    network) echo 'CNI plugins and iproute2, the network of the tests' ;;
    cri) echo "the CRI's api.proto, with which the tests speak as a kubelet" ;;
    kubectl) echo 'kubectl, builds the manifests for the tests' ;;
    bare) echo 'debootstrap and binutils, the bare system that the tests install on' ;;
  esac
}

remedy() {
  case $1 in
    compiler) echo 'install g++ or clang, or point CXX at a compiler' ;;
    wasmedge)
      if [ -n "${WASMEDGE_DIR:-}" ]; then
        echo "WASMEDGE_DIR=$WASMEDGE_DIR holds no include/wasmedge/wasmedge.h or no lib/libwasmedge.so: correct it or unset it"
      else
        echo 'install it (https://wasmedge.org/docs/start/install) and point WASMEDGE_DIR at the folder of include/ and lib/'
      fi
      ;;
    loader) echo 'install libvulkan1 (vulkan-loader on Fedora, vulkan-icd-loader on Arch)' ;;
    driver) echo "install the GPU's driver or mesa-vulkan-drivers 25 or later (vulkan-swrast on Arch)" ;;
    browser) echo 'install chromium as /usr/bin/chromium, or point CHROMIUM at the program' ;;
    *) echo "install the packages $(package_of "$1")" ;;
  esac
}

package_of() {
  case $1 in
    compiler) echo g++ ;;
    wasmedge) echo libwasmedge-dev ;;
    loader) echo libvulkan1 ;;
    driver) echo mesa-vulkan-drivers ;;
    browser) echo chromium ;;
    containerd) echo containerd runc ;;
    images) echo docker-registry skopeo umoci ;;
    network) echo containernetworking-plugins iproute2 ;;
    cri) echo golang-github-kubernetes-cri-api-dev ;;
    kubectl) echo kubernetes-client ;;
    bare) echo debootstrap binutils ;;
  esac
}

# refuse WHY: lists what is missing and how to get it, and ends the script.
refuse() {
  echo "nearlight: set-up cannot install what is missing: $1" >&2
  for item in $missing; do
    echo "  - $(describe "$item")" >&2
    echo "      $(remedy "$item")" >&2
  done
  echo 'Then run the same command again.' >&2
  exit 1
}

# Prints "URI<newline>Signed-By value" of the machine's own Debian archive, from the apt configuration in folder $1
# for release $2. Security, updates and other vendors' archives are passed over. Nothing is printed where there is none.
mirror() {
  for file in "$1"/sources.list "$1"/sources.list.d/*.list "$1"/sources.list.d/*.sources; do
    [ -r "$file" ] || continue
    case ${file##*/} in nearlight-*) continue ;; esac
    case $file in *.list) kind=list ;; *) kind=sources ;; esac
    # A blank line ends the last stanza of a file.
    sed "s/^/$kind /" "$file"
    echo "$kind "
  done | awk -v release="$2" '
    function offer(uris, suites, components, signed,   n, list, i, uri) {
      if (index(" " suites " ", " " release " ") == 0 || index(" " components " ", " main ") == 0) return
      n = split(uris, list, " ")
      for (i = 1; i <= n; i++) {
        uri = list[i]
        sub(/\/+$/, "", uri)
        if (uri ~ /^cdrom:/ || uri ~ /security/) continue
        if (uri ~ /\/debian$/) rank = 2
        else if (uri ~ /debian/) rank = 1
        else continue
        if (rank > best) { best = rank; chosen = uri; key = signed }
      }
    }
    function stanza() {
      if (types ~ /(^| )deb( |$)/ && tolower(enabled) !~ /^(no|false|off|0)$/) offer(uris, suites, components, signed)
      types = uris = suites = components = signed = enabled = field = ""
    }
    { kind = $1; sub(/^[a-z]+ /, "") }
    kind == "list" {
      sub(/#.*/, "")
      if ($1 != "deb") next
      signed = ""
      if (match($0, /\[[^]]*\]/)) {
        options = substr($0, RSTART + 1, RLENGTH - 2)
        $0 = substr($0, 1, RSTART - 1) substr($0, RSTART + RLENGTH)
        n = split(options, option, " ")
        for (i = 1; i <= n; i++) if (option[i] ~ /^signed-by=/) signed = substr(option[i], 11)
      }
      rest = ""
      for (i = 4; i <= NF; i++) rest = rest " " $i
      offer($2, $3, rest, signed)
      signed = ""
      next
    }
    /^#/ { next }
    /^[ \t]*$/ { stanza(); next }
    /^[ \t]/ {
      if (field == "signed-by") signed = signed "\n" $0
      else if (field == "uris") uris = uris " " $0
      else if (field == "suites") suites = suites " " $0
      else if (field == "components") components = components " " $0
      next
    }
    {
      field = tolower(substr($0, 1, index($0, ":") - 1))
      value = substr($0, index($0, ":") + 1)
      sub(/^[ \t]+/, "", value)
      gsub(/\t/, " ", value)
      if (field == "types") types = value
      else if (field == "uris") uris = value
      else if (field == "suites") suites = value
      else if (field == "components") components = value
      else if (field == "signed-by") signed = value
      else if (field == "enabled") enabled = value
    }
    END { if (best) print chosen "\n" key }'
}

# Debian 12 packages neither WasmEdge nor a Mesa, containerd or kubectl that is new enough: take them, and nothing else, from Debian 13.
add_trixie() {
  found=$(mirror /etc/apt bookworm)
  uri=${found%%"$newline"*}
  key=
  case $found in *"$newline"*) key=${found#*"$newline"} ;; esac
  {
    printf 'Types: deb\nURIs: %s\nSuites: trixie\nComponents: main\n' "$uri"
    if [ -n "$key" ]; then printf 'Signed-By: %s\n' "$key"; fi
  } | as_root tee "$trixie" >/dev/null
  printf 'Package: *\nPin: release n=trixie\nPin-Priority: 100\n' |
    as_root tee /etc/apt/preferences.d/nearlight-trixie >/dev/null
}

# The tests start what they need themselves: no service of a package runs, now (invoke-rc.d(8), policy) or with the machine.
without_services() {
  for service in containerd docker-registry; do
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

# Descriptor 9 is the lock and stays with this script.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@" 9>&-; else sudo -n "$@" 9>&-; fi
}

apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

# An archive that does not answer at the first try often does at the second; what is still missing fails in the install.
update_lists() { apt_get update || { sleep 3 && apt_get update; } || true; }

# Packages of the release itself come first: Debian 13's C library would keep Debian 12's compiler out.
install_system() {
  own= newer=
  for item in $missing; do
    case $VERSION_ID-$item in
      12-wasmedge | 12-loader | 12-driver | 12-containerd | 12-cri | 12-kubectl) newer="$newer $(package_of "$item")" ;;
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

# The pinned Node comes first on PATH inside npm's scripts, and is among what npm replaces here: npm runs on the other.
# `npm install` and not `npm ci`, which refuses where a registry lacks optional packages of other platforms.
install_packages() {
  path=
  saved=$IFS
  IFS=:
  for folder in $PATH; do
    case $folder in */node_modules/.bin | */node-gyp-bin) ;; *) path=$path${path:+:}$folder ;; esac
  done
  IFS=$saved
  PATH=$path npm install --no-save --no-audit --no-fund --no-progress \
    --fetch-retry-mintimeout=2000 --fetch-retry-maxtimeout=10000 </dev/null 9>&- || return 1
  [ -x node_modules/.bin/node ] || return 1
  cksum <package-lock.json >node_modules/.nearlight
}

# step TEXT LOG COMMAND: runs it with its output in the log, prints one line with the time it took.
step() {
  text=$1 output=$2
  shift 2
  start=$(date +%s)
  if "$@" >"$output" 2>&1; then
    printf '  done: %s (%d s)\n' "$text" "$(($(date +%s) - start))"
  else
    printf 'nearlight: set-up failed: %s. The end of %s:\n' "$text" "$output" >&2
    tail -n 20 "$output" | sed 's/^/  | /' >&2
    return 1
  fi
}

# Sets ID, VERSION_ID and PRETTY_NAME.
identify() {
  ID= VERSION_ID= PRETTY_NAME=
  # shellcheck disable=SC1091
  if [ -r "$root/etc/os-release" ]; then . "$root/etc/os-release"; fi
  # A package of Debian 13 brings Debian 13's os-release to Debian 12; the archive stays what it was.
  if any "$root$trixie" && [ -n "$(mirror "$root/etc/apt" bookworm)" ]; then VERSION_ID=12; fi
}

check_system() {
  if [ -n "${WASMEDGE_DIR:-}" ]; then
    case " $missing " in *" wasmedge "*) refuse 'WASMEDGE_DIR is set and is no WasmEdge' ;; esac
  fi
  identify
  case $ID-$VERSION_ID in
    debian-12 | debian-13) ;;
    *) refuse "this is ${PRETTY_NAME:-an unknown system}, and only Debian 12 and 13 are served" ;;
  esac
  have apt-get || refuse 'there is no apt-get'
  if [ "$VERSION_ID" = 12 ] && [ -z "$(mirror "$root/etc/apt" bookworm)" ]; then
    refuse 'no Debian archive ("bookworm main") is enabled in /etc/apt, so Debian 13 cannot be found beside it'
  fi
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || refuse "that takes root, or sudo without a password; an administrator can run: sh $PWD/host/cli/setup.sh --system$($testing && echo ' --test')"
  fi
}

main() {
  testing=false packages=true
  for argument in "$@"; do
    case $argument in
      --test) testing=true ;;
      --system) packages=false ;;
      *)
        echo 'usage: sh host/cli/setup.sh [--test] [--system]' >&2
        exit 2
        ;;
    esac
  done
  find_missing
  if $packages && packages_ready; then packages=false; fi
  if ! $packages && [ -z "$missing" ]; then return; fi

  mkdir -p build
  exec 9>build/setup.lock
  if have flock; then flock 9; fi
  find_missing
  if $packages && packages_ready; then packages=false; fi
  if [ -n "$missing" ]; then check_system; fi
  if $packages && ! have npm; then
    echo 'nearlight: npm is missing: install Node.js 20 or later (https://nodejs.org)' >&2
    exit 1
  fi
  all=$missing
  if $packages; then all="packages$missing"; fi
  if [ -z "$all" ]; then return; fi
  echo "nearlight: setting up, once (details in $log):"
  for item in $all; do echo "  - $(describe "$item")"; done

  # Both wait for the network and the disk more than for the processor, so they share the time.
  # A job in the background does not see an interrupt from the keyboard: dpkg is left to finish.
  : >$log
  pid= status=0
  if [ -n "$missing" ]; then
    step 'system packages' $log without_services install_system &
    pid=$!
  fi
  if $packages; then
    step 'npm packages' build/setup.npm.log install_packages || status=1
  fi
  if [ -n "$pid" ]; then wait "$pid" || status=1; fi
  if $packages; then cat build/setup.npm.log >>$log && rm -f build/setup.npm.log; fi
  if [ $status != 0 ]; then exit 1; fi
  find_missing
  if [ -n "$missing" ]; then refuse "the packages are installed and yet something is not found, see $log"; fi
}

# Sourced by its tests, run by everyone else.
case ${0##*/} in
  setup.sh)
    case $0 in */*) cd "${0%/*}/../.." ;; *) cd ../.. ;; esac
    main "$@"
    ;;
esac
