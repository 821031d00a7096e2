#!/usr/bin/env bash
#
# Runs every check and every test of the repository, and skips none.
#
#   tests/run.sh           all of it
#   tests/run.sh --quick   the same without the race detector
#
# What the tests need and the machine lacks is installed, on Debian and its kin
# and as root; elsewhere a message says what to install. SESSION_GATE_TEST_REDIS
# names a Redis to use; otherwise the tests start servers of their own.

set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

race=(-race)
case ${1-} in
'') ;;
--quick) race=() ;;
*)
	echo "usage: tests/run.sh [--quick]" >&2
	exit 2
	;;
esac

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# step TITLE COMMAND... runs a step under a heading and tells how long it took.
# The first step that fails ends the run.
step() {
	local title=$1 started=$SECONDS
	shift
	printf '\n== %s\n' "$title"
	"$@"
	printf '   (%d s)\n' $((SECONDS - started))
}

# gotest DIRECTORY PACKAGE... runs tests of the module there. Vet has run before, all of
# it, and would look at every dependency once more. Shown are the verdicts of
# the packages as they come; the log holds every test by name. Of the packages
# that failed, all that is not a success follows, and the failed tests last. A
# skipped test is a failure, as nobody would notice that it is no longer run.
gotest() {
	local directory=$1 log=$scratch/log failed
	shift
	set +e
	(cd "$directory" && go test "${race[@]}" -shuffle=on -count=1 -timeout=30m -vet=off -v "$@") 2>"$scratch/build" |
		tee "$log" | grep --line-buffered -E $'^(ok  |FAIL|[?]   )\t'
	failed=${PIPESTATUS[0]}
	set -e
	if ((failed)); then
		# What does not compile is told apart from what the tests say.
		cat "$scratch/build"
		awk '
			!/^(=== (RUN|PAUSE|CONT|NAME) | *--- PASS: |PASS$)/ { said = said $0 "\n" }
			/^(ok  |[?]   )\t/ { said = "" }
			/^FAIL\t/ { printf "%s", said; said = "" }
			END { printf "%s", said }
		' "$log"
		grep -E '^ *--- FAIL: ' "$log" || true
	fi
	printf '   %d tests passed\n' "$(grep -cE '^ *--- PASS: ' "$log")"
	if grep -E '^ *--- SKIP: ' "$log"; then
		echo "tests were skipped" >&2
		failed=1
	fi
	return "$failed"
}

# The binary is built once, for all tests that run it.
build() {
	./xcaddy.sh build
	export SESSION_GATE_TEST_BINARY=$PWD/caddy
}

step "What the tests need" ./tests/install.sh
step "Lint" ./tests/lint.sh
step "Build" build
step "Caddyfiles" ./tests/caddyfiles.sh "$PWD/caddy"
step "Fuzz" ./tests/fuzz.sh 3s
step "Tests of tests/kubernetes" gotest tests/kubernetes ./...
step "Tests of tests/wycheproof" gotest tests/wycheproof ./...
# Whole fleets are held to their leases, which floods at the same time would miss.
mapfile -t packages < <(go list ./... | grep -v '/tests/chaos$')
step "Tests" gotest . -skip '^TestEarlyData' "${packages[@]}"
step "Tests of tests/chaos" gotest . ./tests/chaos
# The client of quic-go 0.63 has a data race of its own where it sends early data.
race=()
step "Tests of early data" gotest . -run '^TestEarlyData' ./tests/hostile
printf '\nall passed in %d s\n' "$SECONDS"
