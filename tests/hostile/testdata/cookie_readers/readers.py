# Reads Cookie fields, one a line in hexadecimal, and prints for each the values
# that Python's readers find under the name given, also in hexadecimal.
import http.cookies
import sys

import django.http.cookie
import webob.cookies
import werkzeug.http


def standard(field):
    jar = http.cookies.SimpleCookie()
    try:
        jar.load(field)
    except http.cookies.CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}


def framework(field):
    return werkzeug.http.parse_cookie(field).to_dict()


def pyramid(field):
    cookies = webob.cookies.RequestCookies({"HTTP_COOKIE": field})
    try:
        return dict(cookies)
    except UnicodeDecodeError:
        return {}


# WSGI has fields in Latin-1. Django makes UTF-8 of them, as others do.
readers = {
    "http.cookies": lambda raw: standard(raw.decode("latin-1")),
    "http.cookies, UTF-8": lambda raw: standard(raw.decode("utf-8", "replace")),
    "Django": lambda raw: django.http.cookie.parse_cookie(raw.decode("utf-8", "replace")),
    "Starlette": lambda raw: django.http.cookie.parse_cookie(raw.decode("latin-1")),
    "Werkzeug": lambda raw: framework(raw.decode("latin-1")),
    "WebOb": lambda raw: pyramid(raw.decode("latin-1")),
}
name = sys.argv[1]
for line in sys.stdin:
    raw = bytes.fromhex(line)
    found = []
    for reader, read in readers.items():
        value = read(raw).get(name)
        if value is not None:
            found.append(reader + "\t" + value.encode("utf-8", "replace").hex())
    print("\t".join(found), flush=True)
