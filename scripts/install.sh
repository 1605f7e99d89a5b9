#!/bin/sh
# Installs openwork for one user, on Linux or macOS, without Node.js:
#
#   curl -fsSL <release>/install.sh | sh
#   curl -fsSL <release>/install.sh | sh -s -- --dir ~/bin
#
# Fetches one executable, checks its SHA-256, tries it, and only then gives it its name. Needs curl or wget, and one of
# sha256sum, shasum and openssl. Nothing here asks for root.
set -eu

RELEASE='0.19.0'
# Filled in when a release is made, `<sha256>  <file>` per line. While empty, SHA256SUMS beside the executable has them.
HASHES=''

usage() {
  cat <<EOF
Usage: install.sh [--version <version>] [--dir <folder>]

  --version <version>  another release than $RELEASE
  --dir <folder>       where the commands go; default \$OPENWORK_INSTALL_DIR, else ~/.local/bin

OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL names a mirror: the folder that holds the files of the release. A user name and
password for it belong into ~/.netrc.
EOF
}

main() {
  version=$RELEASE
  dir=${OPENWORK_INSTALL_DIR:-}
  while [ $# -gt 0 ]; do
    case $1 in
      --version | --dir)
        [ -n "${2:-}" ] || fail "$1 needs a value"
        if [ "$1" = --dir ]; then dir=$2; else version=${2#v}; fi
        shift 2
        ;;
      --version=?* | --dir=?*)
        if [ "${1%%=*}" = --dir ]; then dir=${1#*=}; else version=${1#*=} version=${version#v}; fi
        shift
        ;;
      --version= | --dir=) fail "${1%=} needs a value" ;;
      --help | -h) usage; return ;;
      *) fail "unknown argument $1; --help lists what there is" ;;
    esac
  done
  case $version in
    '' | *[!0-9A-Za-z.+-]*) fail "$version is not a version" ;;
  esac
  if [ -z "$dir" ]; then
    [ -n "${HOME:-}" ] || fail 'HOME is not set: name a folder with --dir'
    dir=$HOME/.local/bin
  fi
  # As in --dir=~/bin, which no shell expands.
  case $dir in [~]/*) dir=${HOME:-}/${dir#?/} ;; esac
  asset=openwork-bun-$(platform)
  base=$(base_url)

  mkdir -p -- "$dir" 2>/dev/null || fail "cannot make the folder $dir: name another with --dir"
  dir=$(CDPATH='' cd -- "$dir" && pwd)
  remove_leftovers
  # In the folder itself, so that the last step is a rename: a running openwork goes on with its old file.
  scratch=$(mktemp -d "$dir/.openwork-install.XXXXXX" 2>/dev/null) ||
    fail "cannot write to $dir: name another folder with --dir"
  trap 'rm -rf "$scratch"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM

  expected=$(expected_hash)
  say "Downloading openwork $version: $base/$asset"
  download "$base/$asset" "$scratch/openwork" show
  actual=$(hash_of "$scratch/openwork")
  [ "$actual" = "$expected" ] ||
    fail "$base/$asset is not the file of the release: its SHA-256 is $actual, expected $expected. Nothing was installed; try again, or another mirror with OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL"
  chmod 755 "$scratch/openwork"
  answer=$("$scratch/openwork" --version </dev/null 2>&1) || {
    case $asset in *-musl) answer="$answer (on Alpine: apk add libstdc++)" ;; esac
    fail "$asset does not run here: ${answer:-no output}. Nothing was installed"
  }
  [ "$answer" = "$version" ] || fail "$asset calls itself version $answer, expected $version. Nothing was installed"

  [ ! -d "$dir/openwork" ] || fail "$dir/openwork is a folder: name another folder with --dir"
  mv -f "$scratch/openwork" "$dir/openwork"
  ours="'$dir/openwork'"
  # The name it is started by selects the program. Links, so that a later release replaces all of them at once.
  for name in openwork-server opencode-router openwork-orchestrator; do
    if is_foreign "$dir/$name"; then
      say "Left $dir/$name as it is: it is not one of ours"
      continue
    fi
    ln -s openwork "$scratch/$name"
    mv -f "$scratch/$name" "$dir/$name"
    ours="$ours '$dir/$name'"
  done
  say "Installed openwork $version in $dir"
  hint_path
  say "Next, in the folder to host: $(command_for_openwork) start"
  say "To remove it: rm -f $ours '$dir/openwork.previous'"
  say 'What it keeps, tokens and downloads, is in ~/.openwork'
}

# Something other than a link to our executable. A link that leads to a folder would be followed by mv besides.
is_foreign() {
  if [ -L "$1" ]; then
    case $(readlink "$1") in openwork | "$dir/openwork") return 1 ;; esac
    return 0
  fi
  [ -e "$1" ]
}

# What runs of this script that were killed have left: nothing of it is younger than a day.
remove_leftovers() {
  find "$dir/." ! -name . -prune -type d -name '.openwork-install.??????' -mtime +0 -exec rm -rf {} + 2>/dev/null || :
}

say() { printf '%s\n' "$1"; }

fail() {
  printf 'openwork install: %s.\n' "$1" >&2
  exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# linux-x64, linux-arm64-musl, darwin-arm64, …
platform() {
  arch=$(uname -m)
  case $arch in
    x86_64 | amd64) arch=x64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) fail "there is no openwork for the processor $arch" ;;
  esac
  case $(uname -s) in
    Linux) if is_musl; then say "linux-$arch-musl"; else say "linux-$arch"; fi ;;
    Darwin)
      # A shell under Rosetta takes itself for an Intel machine.
      if [ "$(sysctl -n sysctl.proc_translated 2>/dev/null)" = 1 ]; then arch=arm64; fi
      say "darwin-$arch"
      ;;
    MINGW* | MSYS* | CYGWIN*) fail 'on Windows run: npm install -g openwork-orchestrator' ;;
    *) fail "there is no openwork for $(uname -s)" ;;
  esac
}

# Alpine, or no other dynamic loader than musl's. The same rule as src/sidecars/pins/target.ts.
is_musl() {
  [ -e /etc/alpine-release ] && return 0
  for loader in /lib64/ld-linux-x86-64.so.2 /lib/ld-linux-aarch64.so.1; do
    [ ! -e "$loader" ] || return 1
  done
  for loader in /lib/ld-musl-*.so.1; do
    [ ! -e "$loader" ] || return 0
  done
  return 1
}

base_url() {
  url=${OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL:-https://github.com/different-ai/openwork/releases/download/openwork-orchestrator-v$version}
  host=${url#*://}
  # It is shown, and other users may see it among the processes.
  case ${host%%/*} in *@*) fail 'OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL must not hold a password: put it into ~/.netrc' ;; esac
  is_https "$url" || is_loopback "$url" ||
    fail "OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL must start with https://, or name this machine, and is $url"
  say "${url%/}"
}

is_https() { case $1 in https://*) ;; *) return 1 ;; esac }

is_loopback() {
  case $1 in
    http://127.0.0.1:* | http://127.0.0.1/* | http://localhost:* | http://localhost/* | "http://[::1]:"* | "http://[::1]/"*) ;;
    *) return 1 ;;
  esac
}

expected_hash() {
  hashes=$HASHES
  if [ -z "$hashes" ] || [ "$version" != "$RELEASE" ]; then
    download "$base/SHA256SUMS" "$scratch/SHA256SUMS"
    hashes=$(cat "$scratch/SHA256SUMS")
  fi
  found=$(say "$hashes" | while read -r hash name; do
    [ "$name" != "$asset" ] || say "$hash"
  done)
  case $found in
    '') fail "the release $version has no $asset" ;;
    *[!0-9a-f]*) fail "SHA256SUMS of $base is damaged" ;;
  esac
  [ ${#found} -eq 64 ] || fail "SHA256SUMS of $base is damaged"
  say "$found"
}

hash_of() {
  if has sha256sum; then sum=$(sha256sum <"$1")
  elif has shasum; then sum=$(shasum -a 256 <"$1")
  elif has openssl; then sum=$(openssl dgst -sha256 -r <"$1")
  else fail 'there is neither sha256sum nor shasum nor openssl to check the download with'; fi
  say "${sum%% *}"
}

# download <url> <file> [show]: with a progress bar where somebody looks. curl and wget take proxies and certificates
# from the environment; this machine itself is never asked through a proxy (BusyBox does not know no_proxy).
download() {
  if is_loopback "$1"; then unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY; fi
  code=0
  if has curl; then
    tool=curl unreachable='5 6 7 28 35'
    protocols='=https'
    if is_loopback "$1"; then protocols='=http,https'; fi
    progress=--silent
    if [ "${3:-}" = show ] && [ -t 2 ]; then progress=--progress-bar; fi
    curl --fail --netrc-optional --location --max-redirs 5 --show-error "$progress" --proto "$protocols" --proto-redir "$protocols" \
      --connect-timeout 20 --speed-limit 1024 --speed-time 30 --retry 2 --output "$2" "$1" || code=$?
  elif has wget; then
    tool=wget unreachable=4
    patience=
    # BusyBox has no other words for it, and crashes on -T (seen with 1.35).
    case $(wget --version 2>&1 || :) in *'GNU Wget'*) patience='--timeout=30 --tries=3 --waitretry=1 --max-redirect=5' ;; esac
    # shellcheck disable=SC2086 # several words, or none
    wget -q $patience -O "$2" "$1" || code=$?
  else fail 'there is neither curl nor wget to download with'; fi
  case " $unreachable " in *" $code "*)
    host=${1#*://}
    fail "no working connection to ${host%%/*}: openwork $version could not be downloaded from there ($tool ended with $code for $1). Is this machine online? https_proxy names a proxy, OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL a mirror"
    ;;
  esac
  [ "$code" -eq 0 ] ||
    fail "could not download openwork $version: $tool ended with $code for $1. OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL names a mirror"
}

# `openwork` where that means ours.
command_for_openwork() {
  if [ "$(command -v openwork || :)" = "$dir/openwork" ]; then say openwork; else say "$dir/openwork"; fi
}

hint_path() {
  case ":$PATH:" in
    *":$dir:"*)
      first=$(command -v openwork || :)
      [ "$first" = "$dir/openwork" ] || say "Another openwork comes first in your PATH: $first"
      ;;
    *) say "$dir is not in your PATH. Add this to your shell's profile: export PATH=\"$dir:\$PATH\"" ;;
  esac
}

# In braces: of a script that was cut off in the middle, by a lost connection, a shell runs nothing.
{ main "$@"; }
