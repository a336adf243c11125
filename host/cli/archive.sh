#!/bin/sh
# Downloads packages from the machine's own Debian archive with apt, whose state is separate from the system's. So apt's
# resolver, its proxies and its checks of signatures and hashes apply, no root is needed, and the system does not change.
# Sourced by setup.sh.

newline='
'

# Prints "URI<newline>Signed-By value" of the machine's own Debian archive, from the apt configuration in folder $1.
# Archives of security updates and of other vendors are skipped. Prints nothing if there is no archive.
mirror() {
  for file in "$1"/sources.list "$1"/sources.list.d/*.list "$1"/sources.list.d/*.sources; do
    [ -r "$file" ] || continue
    case $file in *.list) kind=list ;; *) kind=sources ;; esac
    # Print a blank line, which ends the last stanza of a sources file.
    sed "s/^/$kind /" "$file"
    echo "$kind "
  done | awk '
    function offer(uris, suites, components, signed,   n, list, i, uri) {
      if (suites !~ /(^| )(bookworm|trixie|stable|oldstable)( |$)/ || components !~ /(^| )main( |$)/) return
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

# source_of SUITES: prints a deb822 stanza for these suites of the machine's own Debian archive.
source_of() {
  found=$(mirror "$root/etc/apt")
  uri=${found%%"$newline"*}
  key=
  case $found in *"$newline"*) key=${found#*"$newline"} ;; esac
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n' "$uri" "$1"
  if [ -n "$key" ]; then printf 'Signed-By: %s\n' "$key"; fi
}

# Prepares a separate state for apt in $work, with one set of sources for Debian 13 and one for $release.
prepare_apt() {
  mkdir -p "$work/apt/lists/partial" "$work/apt/archives/partial" "$work/trixie" "$work/$release"
  : >"$work/apt/status"
  source_of trixie | sed '1i Targets: Packages' >"$work/trixie/debian.sources"
  if [ "$release" = bookworm ]; then
    source_of 'bookworm bookworm-backports' | sed '1i Targets: Packages' >"$work/bookworm/debian.sources"
  fi
  # Hooks in the system's apt configuration would change the system's own state, so they are cleared.
  cat >"$work/apt.conf" <<CONF
#clear APT::Update;
#clear DPkg;
Dir::State "$work/apt";
Dir::State::status "$work/apt/status";
Dir::Cache "$work/apt";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Log "$work/apt";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
APT::Get::List-Cleanup "false";
APT::Get::AllowUnauthenticated "false";
APT::Update::Error-Mode "any";
Acquire::AllowInsecureRepositories "false";
Acquire::Languages "none";
Acquire::Retries "3";
CONF
}

# apt_with SUITE ARGUMENT...: runs apt-get with the sources for SUITE, without this script's locks (descriptors 8 and 9).
apt_with() {
  suite=$1
  shift
  LC_ALL=C apt-get -q -y -c "$work/apt.conf" -o "Dir::Etc::sourceparts=$work/$suite" "$@" </dev/null 8>&- 9>&-
}

# closure SUITE ARGUMENT...: prints the packages that apt would install on an empty system, as "NAME=VERSION" lines.
closure() {
  suite=$1
  shift
  apt_with "$suite" install --simulate "$@" >"$work/simulated" || return 1
  awk '$1 == "Inst" { sub(/^\(/, "", $3); print $2 "=" $3 }' "$work/simulated"
}

# fetch SUITE LIST...: downloads the packages that these list files name to $work/debs/SUITE.
fetch() {
  suite=$1
  shift
  mkdir -p "$work/debs/$suite"
  # shellcheck disable=SC2046 # a list of package names
  (cd "$work/debs/$suite" && apt_with "$suite" download $(cd "$work" && sort -u "$@"))
}

# megabytes SUITE LIST...: prints the size, in MB, of the packages that fetch would download.
megabytes() {
  suite=$1
  shift
  # shellcheck disable=SC2046
  apt_with "$suite" download --print-uris $(cd "$work" && sort -u "$@") | awk '/^\047/ { sum += $3 } END { print int(sum / 1e6 + 0.5) }'
}
