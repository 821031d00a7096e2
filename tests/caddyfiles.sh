#!/usr/bin/env bash
#
# Formats, adapts and validates every Caddyfile of the repository.
#
#   tests/caddyfiles.sh BINARY
#
# The one in the ConfigMap of deploy/kubernetes has a Go test of its own, and
# the fragments in testdata belong to the tests beside them.

set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
caddy=$1

# Validating reads the secrets, and Caddy keeps files of its own: both in a
# directory of this run, which the relative paths of the Caddyfiles start at.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export XDG_DATA_HOME=$scratch XDG_CONFIG_HOME=$scratch
mkdir "$scratch/.dev"
od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$scratch/.dev/hmac_secret"

mapfile -t caddyfiles < <(git ls-files '*Caddyfile' '*.caddyfile' ':!*/testdata/*')
for caddyfile in "${caddyfiles[@]}"; do
	file=$PWD/$caddyfile
	for arguments in "fmt --diff" "adapt --adapter caddyfile --config" "validate --adapter caddyfile --config"; do
		# The words of the command are split, those of the path are not.
		# shellcheck disable=SC2086
		if ! (cd "$scratch" && "$caddy" $arguments "$file") >"$scratch/log" 2>&1; then
			echo "caddy $arguments $caddyfile:" >&2
			cat "$scratch/log" >&2
			exit 1
		fi
	done
	echo "$caddyfile"
done
