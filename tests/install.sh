#!/usr/bin/env bash
#
# Installs the programs that the tests run and the machine lacks, with Debian's
# packages and as root. Elsewhere it says what to install, and fails.

set -euo pipefail

# Each line: a program, or a file that a library brings, and the Debian package of
# it. From gunicorn on, they are the servers of tests/upstreams; from php-cgi on, the
# libraries that read paths and cookies.
readonly needs='
redis-server   redis-server
chromium       chromium
curl           curl
gcc            gcc
shellcheck     shellcheck
node           nodejs
npm            npm
prometheus     prometheus
gunicorn       gunicorn
uvicorn        uvicorn
hypercorn      python3-hypercorn
waitress-serve python3-waitress
uwsgi          uwsgi-core
php            php-cli
javac          default-jdk-headless
/usr/sbin/nginx                                      nginx
/usr/sbin/apache2                                    apache2-bin
/usr/lib/uwsgi/plugins/python3_plugin.so             uwsgi-plugin-python3
/usr/share/java/jetty9-server.jar                    libjetty9-java
php-cgi        php-cgi
rackup         ruby-rack
/usr/lib/python3/dist-packages/django/__init__.py    python3-django
/usr/lib/python3/dist-packages/werkzeug/__init__.py  python3-werkzeug
/usr/lib/python3/dist-packages/starlette/__init__.py python3-starlette
/usr/lib/python3/dist-packages/webob/__init__.py     python3-webob
/usr/share/perl5/CGI/Cookie.pm                       libcgi-pm-perl
/usr/share/perl5/Cookie/Baker.pm                     libcookie-baker-perl
/usr/share/nodejs/cookie                             node-cookie
'

# Where the packages of services start them, the tests' ports and the next
# developer's Redis would not be their own. invoke-rc.d asks this file first.
readonly policy=/usr/sbin/policy-rc.d

missing() {
	local program package
	while read -r program package; do
		[[ -z $program || $program == /* && -e $program ]] || command -v "$program" >/dev/null || echo "$package"
	done <<<"$needs"
}

install() {
	if [[ ! -e $policy ]]; then
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod +x "$policy"
		trap 'rm -f "$policy"' EXIT
	fi
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq
	# gcc alone has no headers of the C library, which the race detector needs.
	apt-get install -qq -y --no-install-recommends "$@" libc6-dev >/dev/null
}

# The machine's own Node.js is never replaced: what else runs on it is unknown.
require_node() {
	local version
	version=$(node --version 2>/dev/null) || version=none
	if [[ ! $version =~ ^v([0-9]+)\.([0-9]+) ]] || ((BASH_REMATCH[1] * 100 + BASH_REMATCH[2] < 2012)); then
		echo "Node.js 20.12 or newer is needed for the identity provider of tests/providers, here is: $version" >&2
		exit 1
	fi
}

mapfile -t packages < <(missing)
if ((${#packages[@]} > 0)); then
	if ! command -v apt-get >/dev/null || ((EUID != 0)); then
		echo "not installed: ${packages[*]}; install them, or run this as root on Debian or Ubuntu" >&2
		exit 1
	fi
	echo "installing ${packages[*]}"
	install "${packages[@]}"
	mapfile -t packages < <(missing)
	if ((${#packages[@]} > 0)); then
		echo "still not there after installing: ${packages[*]}" >&2
		exit 1
	fi
fi
require_node
echo "all there"
