#!/bin/sh
# Installs this bundle on a node; install.sh --help tells how.
exec "${0%/*}/bin/node" "${0%/*}/host/install.js" "$@"
