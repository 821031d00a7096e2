#!/usr/bin/env bash
#
# The gates that need no binary of ours: format, vet, staticcheck, tidy modules,
# shell. All of them run, then one failure fails the whole, so that one run
# tells everything there is to mend.
#
# Functions are called by name through check, which shellcheck does not see.
# shellcheck disable=SC2317

set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
top=$PWD
failed=0

# check TITLE COMMAND... fails if the command does.
check() {
	local title=$1 output
	shift
	if ! output=$("$@" 2>&1); then
		printf '%s:\n%s\n' "$title" "$output"
		failed=1
	fi
}

# The development tools come from the module that pins them. The build cache is
# the one of ./caddy: a package is compiled with the same flags.
export CGO_ENABLED=0 GOFLAGS
GOFLAGS="$(go env GOFLAGS) -trimpath"
tool() {
	go tool -modfile="$top/tools/go.mod" "$@"
}

# gofumpt lists what it would change and is content all the same.
formatted() {
	local files
	files=$(tool gofumpt -l "$top") || return
	[[ -z $files ]] || {
		echo "$files"
		return 1
	}
}

in_module() {
	local module=$1
	shift
	cd "$module" && "$@"
}

check gofumpt formatted
for module in . tools tests/kubernetes tests/wycheproof; do
	check "go mod tidy in $module" in_module "$module" go mod tidy -diff
	[[ $module != tools ]] || continue
	check "go vet in $module" in_module "$module" go vet ./...
	check "staticcheck in $module" in_module "$module" tool staticcheck ./...
done
# What only tests/cost compiles.
check "go vet with the tag cost" go vet -tags cost ./caddymodule
mapfile -t scripts < <(git ls-files '*.sh' '.ci/*')
check shellcheck shellcheck "${scripts[@]}"

((failed)) || echo "nothing to mend"
exit "$failed"
