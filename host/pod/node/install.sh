#!/bin/sh
# Installs the node bundle in this folder on this machine; see install.sh --help.
here=${0%/*}
if ! "$here/bin/node" --version >/dev/null 2>&1; then
  echo "install: Node does not start here. The bundle needs the C and C++ libraries of Debian 12 or later (glibc 2.36, libstdc++6)." >&2
  exit 1
fi
exec "$here/bin/node" "$here/host/pod/node/install.js" "$@"
