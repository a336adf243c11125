#!/bin/sh
# Makes the private runtime: WasmEdge, Mesa with the Vulkan loader, and a C++ compiler, unpacked from Debian's packages into
# a folder of the user's cache. Sourced by setup.sh.
#
#   BASE/RELEASE-ARCH-RECIPE           link to the folder of the runtime that this version of the script makes
#   BASE/RELEASE-ARCH-RECIPE-compiler  link to the folder of the compiler
#   BASE/DIGEST                        a folder, named by the hashes of its packages; it is renamed when complete

# Raise this number whenever the contents of the private runtime change; host/base/installed.ts holds the same number.
recipe=1
runtime_mb_min=1000
# The system already has the C library and GCC's run-time libraries, because Node needs them too.
system_packages='libc6 libgcc-s1 libstdc++6 gcc-12-base gcc-14-base'
# LLVM links to the libraries of these packages, but calls none of their functions here. They take 90 MB, so stubs replace them.
unused_packages='libz3-4 libicu72 libx11-data'

# Sets `base`, the folder of the private runtime, and `arch`, the processor: x64, arm64, or empty for another. Root's runtime is
# outside its home, because the processes of pods are users of their own, to whom that is closed.
locate_runtime() {
  if [ -n "${NEARLIGHT_RUNTIME:-}" ]; then
    base=$NEARLIGHT_RUNTIME
  elif [ -z "${XDG_CACHE_HOME:-}" ] && [ "$(id -u)" = 0 ]; then
    base=/var/cache/nearlight/runtime
  else
    base=${XDG_CACHE_HOME:-${HOME:-}/.cache}/nearlight/runtime
  fi
  arch=
  if any "$root/lib64/ld-linux-x86-64.so.2"; then arch=x64; fi
  if any "$root/lib/ld-linux-aarch64.so.1"; then arch=arm64; fi
}

# Sets ID, VERSION_ID, PRETTY_NAME and `release`, the code name, from the system's os-release.
identify() {
  ID= VERSION_ID= VERSION_CODENAME= PRETTY_NAME=
  # shellcheck disable=SC1091
  for file in "$root/etc/os-release" "$root/usr/lib/os-release"; do
    if [ -r "$file" ]; then
      . "$file"
      break
    fi
  done
  release=$VERSION_CODENAME
}

# Tells whether the private runtime can be made on this system.
served() {
  case $ID-$release in debian-bookworm | debian-trixie) ;; *) return 1 ;; esac
  [ -n "$arch" ] && have apt-get && [ -n "$(mirror "$root/etc/apt")" ]
}

unserved() {
  case $ID-$release in
    debian-bookworm | debian-trixie) ;;
    *)
      echo "this is ${PRETTY_NAME:-an unknown system}, and packages are taken on Debian 12 and 13 only"
      return
      ;;
  esac
  if [ -z "$arch" ]; then
    echo 'this processor is neither x86-64 nor 64-bit ARM'
  elif ! have apt-get; then
    echo 'there is no apt-get'
  else
    echo 'no Debian archive ("main" of this release) is enabled in /etc/apt'
  fi
}

runtime_ready() { [ -e "$base/$1-$arch-$recipe/complete" ]; }
compiler_ready() { [ -e "$base/$1-$arch-$recipe-compiler/complete" ]; }

# without PACKAGE...: copies "NAME=VERSION" lines from standard input, except those of the named packages.
without() { grep -vE "^($(echo "$*" | sed 's/+/\\+/g; s/ /|/g'))="; }

# Writes to $work the lists of the packages to unpack: here wasmedge and graphics, in plan_compiler tools and sysroot.
plan_runtime() {
  closure trixie libwasmedge-dev >"$work/all" || return 1
  if [ "$release" = bookworm ]; then
    without "$unused_packages" <"$work/all" >"$work/wasmedge.list"
    closure bookworm -t bookworm-backports mesa-vulkan-drivers >"$work/all" || return 1
  else
    without "$system_packages $unused_packages" <"$work/all" >"$work/wasmedge.list"
    closure trixie mesa-vulkan-drivers >"$work/all" || return 1
  fi
  without "$system_packages $unused_packages" <"$work/all" >"$work/graphics.list"
}

plan_compiler() {
  llvm=19 gcc=14
  if [ "$release" = bookworm ]; then llvm=15 gcc=12; fi
  closure "$release" "libclang-cpp$llvm" >"$work/all" || return 1
  # The compiler gets the real libraries of $unused_packages, because making stubs for them takes a compiler.
  without "$system_packages" <"$work/all" >"$work/tools.list"
  printf '%s\n' "clang-$llvm" "lld-$llvm" "libclang-common-$llvm-dev" >>"$work/tools.list"
  printf '%s\n' libc6 libc6-dev linux-libc-dev libgcc-s1 libstdc++6 "libgcc-$gcc-dev" "libstdc++-$gcc-dev" \
    >"$work/sysroot.list"
}

# unpack SUITE LIST FOLDER: unpacks the packages of a list into FOLDER, whose lib is a link to usr/lib, as in Debian today. It
# records each package with its hash, its licence and its libraries.
unpack() {
  mkdir -p "$3/usr/lib" "$3/usr/lib64" "$new/licenses"
  ln -s usr/lib "$3/lib"
  ln -s usr/lib64 "$3/lib64"
  while IFS= read -r package; do
    name=${package%%=*}
    for deb in "$work/debs/$1/${name}"_*.deb; do
      dpkg-deb --fsys-tarfile "$deb" | tar -xv --keep-directory-symlink -C "$3" >"$3.files" || return 1
      sed -n "s|^.*/\([^/]*\.so[.0-9]*\)\$|\1\t$name|p" "$3.files" >>"$new/owners"
      hash=$(sha256sum <"$deb") || return 1
      printf '%s\t%s\t%s\t%s\n' "$2" "$name" "$(dpkg-deb -f "$deb" Version)" "${hash%% *}" >>"$new/packages"
      if [ -r "$3/usr/share/doc/$name/copyright" ]; then cp "$3/usr/share/doc/$name/copyright" "$new/licenses/$name.txt"; fi
    done
  done <"$work/$2.list"
  rm -f "$3.files"
}

# libraries FROM TO: moves the libraries of an unpacked root into one folder without links. Each gets the name by which other
# libraries link to it. The folder's name must be `lib`, because LLVM looks for its libraries in $ORIGIN/../lib.
libraries() {
  mkdir -p "$2"
  mv "$1"/usr/lib/*-linux-gnu/*.so* "$2" || return 1
  for link in "$2"/*; do
    [ -L "$link" ] || continue
    target=$(readlink "$link")
    case $target in
      "${link##*/}".* | *.so) if [ -e "$2/$target" ] && [ "${link%.so}" = "$link" ]; then mv "$2/$target" "$link"; fi ;;
    esac
  done
  find "$2" ! -type f ! -type d -delete
}

# link_stub OUT SOURCE [LIBRARY]: makes the library OUT from a source, and links it to LIBRARY if given. The loader looks for
# LIBRARY and what it needs in the folder of OUT (a DT_RPATH, unlike a DT_RUNPATH, also applies to libraries of libraries).
link_stub() {
  "$compiler" -shared -nostdlib -fPIC -x c++ "$2" -o "$1" -L"${1%/*}" \
    '-Wl,--disable-new-dtags,-rpath,$ORIGIN' -Wl,--no-as-needed ${3:+"-l:$3"}
}

# stub_unused FOLDER RELEASE: makes stubs for the libraries of $unused_packages. The loader looks for Z3's functions only when
# LLVM calls them, which never happens. It looks for the functions of ICU when it loads Debian 12's libxml2.
stub_unused() {
  link_stub "$1/libz3.so.4" /dev/null || return 1
  if [ "$2" != bookworm ]; then return; fi
  for function in UCNV_FROM_U_CALLBACK_STOP UCNV_TO_U_CALLBACK_STOP ucnv_close ucnv_convertEx ucnv_open \
    ucnv_setFromUCallBack ucnv_setToUCallBack; do
    echo "extern \"C\" void ${function}_72() { __builtin_trap(); }"
  done >"$work/icu.cc"
  link_stub "$1/libicuuc.so.72" "$work/icu.cc"
}

# Makes the private runtime in the folder $new. Dawn opens libvulkan.so.1 by its name and finds the one that vulkan.node has
# loaded into the process. The driver manifest names a stub, through which Mesa's driver finds its libraries.
build_runtime() {
  unpack trixie wasmedge "$work/roots/wasmedge" || return 1
  unpack "$release" graphics "$work/roots/graphics" || return 1
  libraries "$work/roots/wasmedge" "$new/wasmedge/lib" || return 1
  mv "$work/roots/wasmedge/usr/include" "$new/wasmedge/include" || return 1
  libraries "$work/roots/graphics" "$new/graphics/lib" || return 1
  for file in "$new"/graphics/lib/libvulkan_*.so "$new"/graphics/lib/libVkLayer_*.so; do
    case $file in */libvulkan_lvp.so) ;; *) rm -f "$file" ;; esac
  done
  # On Debian 13 the folders of WasmEdge and Mesa hold the same LLVM, so the second copy becomes a hard link.
  for file in "$new"/graphics/lib/*; do
    if cmp -s "$file" "$new/wasmedge/lib/${file##*/}"; then ln -f "$new/wasmedge/lib/${file##*/}" "$file"; fi
  done
  echo 'extern "C" void *napi_register_module_v1(void *, void *exports) { return exports; }' >"$work/vulkan.cc"
  link_stub "$new/graphics/lib/vulkan.node" "$work/vulkan.cc" libvulkan.so.1 || return 1
  link_stub "$new/graphics/lib/driver.so" /dev/null libvulkan_lvp.so || return 1
  stub_unused "$new/wasmedge/lib" trixie || return 1
  stub_unused "$new/graphics/lib" "$release" || return 1
  printf '{ "file_format_version": "1.0.1", "ICD": { "library_path": "./lib/driver.so", "api_version": "1.4.305" } }\n' \
    >"$new/graphics/nearlight_driver.json"
}

build_compiler() {
  unpack "$release" tools "$new/tools" || return 1
  unpack "$release" sysroot "$new/sysroot" || return 1
  rm -rf "$new/tools/usr/share" "$new/sysroot/usr/share" "$new"/tools/usr/lib/llvm-*/lib/clang/*/lib
  # Make the absolute links in the compiler's sysroot point into the sysroot.
  find "$new/sysroot" -type l -lname '/*' | while IFS= read -r link; do
    ln -sfr "$new/sysroot$(readlink "$link")" "$link"
  done
  mkdir -p "$new/bin"
  cat >"$new/bin/c++" <<'WRAPPER'
#!/bin/sh
# Debian's clang, with a C library and headers of its own.
here=${0%/*}/..
for lib in "$here"/tools/usr/lib/*-linux-gnu; do LD_LIBRARY_PATH=$lib; done
export LD_LIBRARY_PATH
for bin in "$here"/tools/usr/lib/llvm-*/bin; do
  exec "$bin/clang" --driver-mode=g++ --sysroot="$here/sysroot" --ld-path="$bin/ld.lld" "$@"
done
WRAPPER
  chmod 755 "$new/bin/c++"
}

# publish LINK: renames the finished folder $new to the hash of its packages, and points LINK to it.
publish() {
  for file in packages owners; do sort -u -o "$new/$file" "$new/$file"; done
  digest=$(cat "$new/packages" && echo "$recipe $1") || return 1
  digest=$(echo "$digest" | sha256sum) || return 1
  digest=$(echo "$digest" | cut -c 1-16)
  : >"$new/complete"
  if [ ! -e "$base/$digest/complete" ]; then
    rm -rf "${base:?}/$digest"
    mv "$new" "$base/$digest" || return 1
  fi
  ln -sfn "$digest" "$base/$1"
}

# Ends the script if the disk has too little space for the unpacked files.
check_space() {
  free_mb=$(df -Pk "$base" | awk 'NR == 2 { print int($4 / 1000) }')
  if [ "$free_mb" -lt "$runtime_mb_min" ]; then
    echo "nearlight: $base has $free_mb MB free, and setting up takes $runtime_mb_min MB." >&2
    echo 'Free some space, or name a folder on another disk with NEARLIGHT_RUNTIME. Then run the same command again.' >&2
    exit 1
  fi
}

plan() {
  prepare_apt
  apt_with trixie update || return 1
  if [ "$release" = bookworm ]; then apt_with bookworm update || return 1; fi
  for kind in $kinds; do "plan_$kind" || return 1; done
}

# Sets `lists_trixie` and `lists_bookworm` to the lists of packages that are downloaded from each Debian release.
group_lists() {
  lists_trixie= lists_bookworm=
  for kind in $kinds; do
    case $release-$kind in
      bookworm-runtime) lists_trixie=wasmedge.list lists_bookworm="$lists_bookworm graphics.list" ;;
      bookworm-compiler) lists_bookworm='tools.list sysroot.list' ;;
      trixie-runtime) lists_trixie="$lists_trixie wasmedge.list graphics.list" ;;
      trixie-compiler) lists_trixie='tools.list sysroot.list' ;;
    esac
  done
}

download() {
  for suite in trixie bookworm; do
    eval "lists=\$lists_$suite"
    # shellcheck disable=SC2086 # a list of files
    if [ -n "$lists" ]; then fetch "$suite" $lists || return 1; fi
  done
}

download_mb() {
  mb=0
  for suite in trixie bookworm; do
    eval "lists=\$lists_$suite"
    # shellcheck disable=SC2086
    if [ -n "$lists" ]; then mb=$((mb + $(megabytes "$suite" $lists))); fi
  done
  echo "$mb"
}

# Makes the parts in $kinds (compiler, runtime) and publishes them. The compiler comes first, as the runtime may need it.
make_parts() {
  for kind in $kinds; do
    new=$work/new.$kind
    mkdir -p "$new"
    "build_$kind" || return 1
    name=$release-$arch-$recipe
    if [ "$kind" = compiler ]; then name=$name-compiler; fi
    publish "$name" || return 1
  done
}

# make_runtime RELEASE KINDS: makes the runtime, the compiler, or both, except those that another set-up has made meanwhile.
# Only one set-up of a user works at a time.
make_runtime() {
  wanted=$2 kinds=
  # mkdir may also make ~/.cache/nearlight, whose cache of compiled modules refuses a folder that other users can write to.
  (umask 022 && mkdir -p "$base")
  exec 8>"$base/lock"
  if have flock && ! flock -n 8; then
    echo '  waiting for another set-up ...'
    flock 8
  fi
  for kind in $wanted; do "${kind}_ready" "$1" || kinds="$kinds $kind"; done
  if [ -z "$kinds" ]; then return; fi
  # Remove the temporary folders of interrupted set-ups. The lock shows that no other set-up is running.
  rm -rf "$base"/tmp.*
  check_space
  work=$base/tmp.$$
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' HUP INT TERM
  system_release=$release release=$1
  compiler=${CXX:-c++}
  have "$compiler" || compiler=$base/$release-$arch-$recipe-compiler/bin/c++
  status_of_make=0
  step "Debian's package lists" "$log.runtime" plan && group_lists &&
    step "download of $(download_mb) MB" "$log.runtime" download &&
    step 'unpacking' "$log.runtime" make_parts || status_of_make=1
  rm -rf "$work"
  trap - EXIT HUP INT TERM
  release=$system_release
  if [ $status_of_make != 0 ]; then check_space; fi
  exec 8>&-
  return $status_of_make
}
