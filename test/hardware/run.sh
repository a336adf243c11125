#!/bin/sh
# Measures Nearlight on this machine's GPU: sh run.sh [OUT] [PART ...]. It needs a shell, tar and a Vulkan driver, and changes
# nothing outside of this folder and OUT.
here=$(cd "$(dirname "$0")" && pwd) || exit 1
if ! "$here/node" --version >/dev/null; then
  echo "run.sh: Node does not run here. It needs an x86-64 Linux with glibc 2.28 or later, libstdc++.so.6 and libgcc_s.so.1." >&2
  exit 1
fi
# Unpacks an archive into the program's folder.
unpack() {
  "$here/node" -e 'const { createReadStream } = require("fs");
    createReadStream(process.argv[1]).pipe(require("zlib").createZstdDecompress()).pipe(process.stdout)' \
    "$1" | tar -xf - -C "$here/program"
}
if [ ! -e "$here/program/complete" ]; then
  rm -rf "$here/program"
  mkdir "$here/program" && unpack "$here/program.tar.zst" || exit 1
  : >"$here/program/complete"
fi
# The video encoder is an archive of its own, which may have been put here.
video=$here/nearlight-hardware-video.tar.zst
if [ -e "$video" ] && [ ! -e "$here/program/node_modules/@seydx" ]; then
  unpack "$video" || exit 1
fi
# The Vulkan loader in this folder is used; it finds the drivers of the system.
LD_LIBRARY_PATH=$here/program/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
# This folder does not exist, so that no private runtime of Nearlight on this machine is used.
NEARLIGHT_RUNTIME=$here/none
export LD_LIBRARY_PATH NEARLIGHT_RUNTIME
exec "$here/node" "$here/program/test/hardware/main.js" "$@"
