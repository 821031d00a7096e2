#!/usr/bin/env bash
#
# Fuzzes every fuzz target of the module, one after the other.
#
#   tests/fuzz.sh                      five minutes each
#   tests/fuzz.sh 1h                   so long each
#   tests/fuzz.sh 1h 'FuzzOpen|Scan'   those whose names match
#
# It fails if a target does, and tells where the input lies that made it fail.
# Such an input, kept in the repository, is a test of every later `go test`.
#
# What is found on the way is kept in Go's build cache, as `go test -fuzz` does,
# so that a run begins where the one before ended; `go clean -fuzzcache` forgets
# it.

set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

duration=${1-5m} wanted=${2-.}
if (($# > 2)) || [[ ! $duration =~ ^([0-9]+(\.[0-9]+)?(ms|[smh]))+$ ]]; then
	echo "usage: tests/fuzz.sh [<duration of each target> [<regular expression of names>]]" >&2
	exit 2
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# `go test -fuzz` would compile every dependency anew, all of Caddy too, with
# counters in it, which takes minutes. Here the counters are in the packages of
# this module only, where they say most; the rest is what ./caddy is built of.
export CGO_ENABLED=0 GOFLAGS
GOFLAGS="$(go env GOFLAGS) -trimpath"
module=$(go list -m)
cache=$(go env GOCACHE)/fuzz

# The packages that hold targets, as pairs of import path and directory. Only
# they are compiled.
packages() {
	local list path dir name names
	list=$(go list -f '{{.ImportPath}} {{.Dir}} {{join .TestGoFiles " "}} {{join .XTestGoFiles " "}}' ./...)
	while read -r path dir names; do
		for name in $names; do
			if grep -q '^func Fuzz' "$dir/$name"; then
				echo "$path $dir"
				break
			fi
		done
	done <<<"$list"
}

# over LOG TARGET tells whether all that failed is that the time was over, which
# the fuzzer of Go 1.26 sometimes takes for a failure (golang/go#75804): no input
# was written then, and nothing else is said.
over() {
	local said
	said=$(sed -n '/^--- FAIL: /,$p' "$1")
	[[ $said == "--- FAIL: $2 ("*$')\n    context deadline exceeded\nFAIL' && $said != *$'\n'*$'\n'*$'\n'* ]]
}

# fuzz PACKAGE DIRECTORY BINARY TARGET runs one target.
fuzz() {
	local package=$1 dir=$2 binary=$3 target=$4 log=$scratch/log input
	if (cd "$dir" && "$binary" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "$duration" \
		-test.fuzzminimizetime 1s -test.fuzzcachedir "$cache/$package") >"$log" 2>&1 || over "$log" "$target"; then
		printf '%-24s %s\n' "$target" "$(grep -o 'execs: .*' "$log" | tail -n 1)"
		return
	fi
	cat "$log"
	printf '%s of ./%s failed\n' "$target" "${dir#"$PWD"/}"
	input=$(sed -n 's/^ *Failing input written to //p' "$log")
	if [[ $input ]]; then
		printf 'the input is in %s; run it again with\n  go test -run %s ./%s\n' \
			"${dir#"$PWD"/}/$input" "$target/${input##*/}" "${dir#"$PWD"/}"
	fi
	return 1
}

found=0 failed=0 list=$(packages)
while read -r package dir; do
	[[ $package ]] || continue
	binary=$scratch/${package//\//_}
	go test -c -vet=off -gcflags="$module/...=-d=libfuzzer" -o "$binary" "$package"
	targets=$(cd "$dir" && "$binary" -test.list '^Fuzz')
	for target in $targets; do
		[[ $target =~ $wanted ]] || continue
		found=$((found + 1))
		fuzz "$package" "$dir" "$binary" "$target" || failed=$((failed + 1))
	done
	rm -f "$binary"
done <<<"$list"

if ((found == 0)); then
	echo "no fuzz target was found" >&2
	exit 1
fi
printf '%d targets, %d failed\n' "$found" "$failed"
((failed == 0))
