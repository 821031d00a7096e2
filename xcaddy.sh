#!/usr/bin/env bash
#
# Builds ./caddy, which is Caddy with this plugin, and runs it for development.
#
#   ./xcaddy.sh [build]   build ./caddy, or the file that SESSION_GATE_OUTPUT names
#   ./xcaddy.sh run       build, then run the gate of ./Caddyfile until Ctrl-C;
#                         the line on stdout is a curl command that is let in
#
# The ports of ./Caddyfile are SESSION_GATE_PORT (8080), SESSION_GATE_OPS_PORT
# (9180) and SESSION_GATE_UPSTREAM_PORT (3000). What a run needs and leaves
# behind is in .dev, which git ignores: the secret, the store, the admin socket.

set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"

# ./Caddyfile trusts tokens of this issuer for this audience.
readonly issuer=https://id.example.com
readonly audience=legacy-app
readonly secret=.dev/hmac_secret

port=${SESSION_GATE_PORT:-8080}
ops_port=${SESSION_GATE_OPS_PORT:-9180}
upstream_port=${SESSION_GATE_UPSTREAM_PORT:-3000}

usage() {
	echo "usage: ./xcaddy.sh [build|run]" >&2
	exit 2
}

fail() {
	echo "xcaddy.sh: $*" >&2
	exit 1
}

# go of the module's own go line or newer. A go that may fetch a newer
# toolchain has done so by the time it prints GOVERSION.
require_go() {
	command -v go >/dev/null || fail "go is not on the PATH; see https://go.dev/doc/install"
	local want have
	want=$(awk '$1 == "go" { print $2 }' go.mod)
	have=$(go env GOVERSION) || fail "go $want or newer is needed"
	# A development version ("devel go1.27-…") has no number to compare.
	[[ $have == go* ]] || return 0
	have=${have#go}
	[[ $(printf '%s\n' "$want" "$have" | sort -V | head -n 1) == "$want" ]] ||
		fail "go $want or newer is needed, this is go $have; see https://go.dev/doc/install"
}

# build FILE builds the gate.
#
# The version that the replacement is given is one that is never published, so
# that no registry is asked which versions of this module there are.
build() {
	require_go
	local output=$1 caddy_version
	caddy_version=$(go list -m -f '{{.Version}}' github.com/caddyserver/caddy/v2)
	echo "xcaddy.sh: building $output from Caddy $caddy_version; the first time takes minutes" >&2
	CGO_ENABLED=0 go tool -modfile=tools/go.mod xcaddy build "$caddy_version" \
		--output "$output" \
		--with github.com/sessiongate/sessiongate@v0.0.0=. >&2
}

listening() {
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

require_free() {
	if listening "$1"; then
		fail "port $1 is taken; set $2 to a free one"
	fi
}

random_hex() {
	od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'
}

# Nobody but this user may read the directory: whoever holds the secret mints
# tokens, and whoever reaches the admin socket replaces the configuration.
prepare() {
	mkdir -p .dev
	chmod 700 .dev
	if [[ ! -s $secret ]]; then
		(umask 077 && random_hex 32 >"$secret")
	fi
}

ready() {
	(
		exec 3<>"/dev/tcp/127.0.0.1/$ops_port"
		printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3
		read -r -t 2 status <&3
		[[ $status == HTTP/*' 200 '* ]]
	) 2>/dev/null
}

# The session is a new one on each run: the store remembers, and a session
# that was once revoked stays so.
announce() {
	local gate=$1 token
	for _ in {1..300}; do
		kill -0 "$gate" 2>/dev/null || return 0
		if ready; then
			token=$(./caddy session-gate token --issuer "$issuer" --audience "$audience" \
				--subject alice --session "dev-$(random_hex 8)" --ttl 1h \
				--hmac-secret-file "$secret")
			echo "curl -i -H 'Authorization: Bearer $token' http://127.0.0.1:$port/"
			return 0
		fi
		sleep 0.1
	done
	echo "xcaddy.sh: the gate is not ready after 30 s; its log tells why" >&2
}

# Caddy takes the place of this shell, so signals reach it and its exit code is
# that of the script. The announcer is detached, and ends with the gate.
run() {
	require_free "$port" SESSION_GATE_PORT
	require_free "$ops_port" SESSION_GATE_OPS_PORT
	require_free "$upstream_port" SESSION_GATE_UPSTREAM_PORT
	build caddy
	prepare
	export XDG_DATA_HOME=$PWD/.dev XDG_CONFIG_HOME=$PWD/.dev
	export SESSION_GATE_PORT=$port SESSION_GATE_OPS_PORT=$ops_port SESSION_GATE_UPSTREAM_PORT=$upstream_port
	(announce $$ &)
	exec ./caddy run --config Caddyfile --adapter caddyfile
}

(($# <= 1)) || usage
case ${1:-build} in
build) build "${SESSION_GATE_OUTPUT:-caddy}" ;;
run) run ;;
*) usage ;;
esac
