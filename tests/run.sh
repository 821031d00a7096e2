#!/usr/bin/env bash
#
# Runs every check and every test of the repository, and skips none.
#
#   tests/run.sh           all of it, the long ones for a short while
#   tests/run.sh --quick   what does not link Caddy, and the contract: for between
#                          two edits
#   tests/run.sh --proof   all of it, and then the long ones for hours
#
# What the tests need and the machine lacks is installed, on Debian and its kin
# and as root; elsewhere a message says what to install. SESSION_GATE_TEST_REDIS
# names a Redis to use; otherwise the tests start servers of their own.

set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

tier=${1-}
if (($# > 1)) || [[ $# == 1 && $tier != --quick && $tier != --proof ]]; then
	echo "usage: tests/run.sh [--quick|--proof]" >&2
	exit 2
fi

scratch=$(mktemp -d)
lane=
finish() {
	# The whole group of the lane: also the tests that it runs.
	[[ -z $lane ]] || kill -- "-$lane" 2>/dev/null || true
	rm -rf "$scratch"
}
trap finish EXIT

# step TITLE COMMAND... runs a step under a heading and tells how long it took.
# The first step that fails ends the run.
step() {
	local title=$1 started=$SECONDS
	shift
	printf '\n== %s\n' "$title"
	"$@"
	printf '   (%d s)\n' $((SECONDS - started))
}

# gotest DIRECTORY FLAG-OR-PACKAGE... runs tests of the module there. Vet has run before,
# all of it, and would look at every dependency once more. Shown are the verdicts of
# the packages as they come; the log holds every test by name. Of the packages
# that failed, all that is not a success follows, and the failed tests last. A
# skipped test is a failure, as nobody would notice that it is no longer run.
gotest() {
	local directory=$1 log failed
	log=$(mktemp "$scratch/XXXXXX")
	shift
	set +e
	(cd "$directory" && go test -shuffle=on -count=1 -timeout=30m -vet=off -v "$@") 2>"$log.build" |
		tee "$log" | grep --line-buffered -E $'^(ok  |FAIL|[?]   )\t'
	failed=${PIPESTATUS[0]}
	set -e
	if ((failed)); then
		# What does not compile is told apart from what the tests say.
		cat "$log.build"
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

# linking PACKAGE... prints which of the packages link Caddy, they or their tests.
linking() {
	go list -test -f '{{range .Deps}}{{if eq . "github.com/caddyserver/caddy/v2"}}{{$.ImportPath}}{{"\n"}}{{end}}{{end}}' "$@" |
		sed -E 's/ .*//; s/\.test$//' | sort -u
}

# in_lane runs what needs the processor and no time limit, one after the other, while gates
# wait. The simulation runs as one thread, and on a clock of its own: the race detector
# finds nothing there, and shuffles its runs.
in_lane() {
	step "Lint" ./tests/lint.sh
	step "Simulation" gotest . ./store/replica/simulation/...
	step "Fuzz" ./tests/fuzz.sh 1s
	step "Tests of tests/kubernetes" gotest tests/kubernetes ./...
	step "Tests of tests/wycheproof" gotest tests/wycheproof -race ./...
}

# Many tests wait, for a server that starts or for a lease to end: more of them run at the
# same time than there are processors. The packages that take longest begin first.
waiting=(-p 4 -parallel 4)
longest=(./store/replica ./store/redisstore ./caddymodule/token ./store/boltstore ./caddymodule/keys)
mapfile -t units < <(go list "${longest[@]}" ./caddymodule/... ./store/... . | grep -v '/store/replica/simulation')

if [[ $tier == --quick ]]; then
	step "Build" build
	mapfile -t light < <(printf '%s\n' "${units[@]}" | grep -vxFf <(linking "${units[@]}"))
	step "Units without Caddy, and the contract" gotest . -p 4 -parallel 6 ./tests/contract "${light[@]}"
	printf '\nthe quick ones passed in %d s\n' "$SECONDS"
	exit
fi

# These compare times, memory or descriptors with a limit, or hold fleets to their
# leases, which other tests at the same time would miss. They come last, one by one.
measured=(./tests/streams ./tests/fleet ./tests/floods ./tests/chaos)
mapfile -t rooms < <(go list ./tests/documents ./tests/faults ./tests/contract ./tests/operator ./tests/... |
	grep -vE '/tests/(streams|fleet|floods|chaos)$')

step "What the tests need" ./tests/install.sh
step "Build" build
step "Caddyfiles" ./tests/caddyfiles.sh "$PWD/caddy"
# A group of its own, so that it ends as a whole. It has the processor when nobody else
# wants it.
set -m
(
	set +m
	renice -n 19 -p "$BASHPID" >/dev/null
	in_lane
) >"$scratch/lane" 2>&1 &
lane=$!
set +m
# The race detector is for goroutines that share memory of ours. The black-box tests run
# a binary without it, and it would only slow them.
step "Units" gotest . "${waiting[@]}" -race "${units[@]}"
# Some files are built without it only, and say why: their packages are run once more.
mapfile -t unraced < <(go list -race -f '{{range .IgnoredGoFiles}}{{$.ImportPath}} {{.}}{{"\n"}}{{end}}' "${units[@]}" |
	sed -nE 's/ .*_test\.go$//p' | sort -u)
step "Units that are built without the race detector" gotest . "${waiting[@]}" "${unraced[@]}"
step "Black-box tests" gotest . -p 3 -parallel 6 "${rooms[@]}"
step "Tests that measure" gotest . -p 1 -parallel 4 "${measured[@]}"
printf '\n== Meanwhile\n'
failed=0
wait "$lane" || failed=$?
lane=
cat "$scratch/lane"
((failed == 0)) || exit "$failed"

if [[ $tier == --proof ]]; then
	step "Fuzz, long" ./tests/fuzz.sh 5m
	step "Simulation, 20,000 seeds" gotest . -timeout 3h ./store/replica/simulation -run TestSimulation -seeds 20000
	step "Simulation of clocks" gotest . -timeout 1h ./store/replica/simulation -run TestSimulation -profile clocks -seeds 1000
	step "Decoders" gotest . ./tests/upstreams -run Decoder -targets 60000 -seed 7
	step "A fleet of 1,000 gates" go test -timeout 1h -run '^$' -bench LargeFleet -benchtime 1x ./store/redisstore -gates 1000
	step "Chaos, 30 minutes" gotest . -timeout 1h ./tests/chaos -run TestChaos -length 30m
fi
printf '\nall passed in %d s\n' "$SECONDS"
