"""Reads request targets, one a line, and writes for each a line of JSON: the path
that each library of Python makes of it. The argument is the only path that the
routers know: they give that, or no path.
"""

import json
import posixpath
import sys
from urllib.parse import unquote, unquote_to_bytes, urlsplit

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.urls import Resolver404, path, re_path
from django.urls.resolvers import RegexPattern, URLResolver
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule

WANTED = sys.argv[1]

settings.configure()
django.setup()


def view(request):
    """Is never called."""


def router(pattern):
    return URLResolver(RegexPattern(r"^/"), [pattern])


DJANGO_PATH = router(path(WANTED[1:], view))
DJANGO_REGEX = router(re_path("^" + WANTED[1:] + "$", view))
WERKZEUG = Map([Rule(WANTED)], merge_slashes=True).bind("gate.test")


def path_info(target):
    """What a WSGI server puts into PATH_INFO."""
    raw = target.split("?", 1)[0]
    return unquote_to_bytes(raw.encode("latin-1")).decode("latin-1")


def urllib_path(target):
    return posixpath.normpath(unquote(urlsplit(target).path))


def urllib_twice(target):
    return posixpath.normpath(unquote(unquote(urlsplit(target).path)))


def urllib_last(target):
    """Decodes first and splits then, as applications do with PATH_INFO."""
    return posixpath.normpath(urlsplit(unquote(target)).path)


def django_route(resolver, target):
    environ = {"PATH_INFO": path_info(target), "REQUEST_METHOD": "DELETE", "wsgi.input": sys.stdin.buffer}
    resolver.resolve(WSGIRequest(environ).path_info)
    return WANTED


def werkzeug_route(target):
    decoded = path_info(target).encode("latin-1").decode("utf-8", "replace")
    WERKZEUG.match(decoded, method="DELETE")
    return WANTED


READERS = {
    "urllib": urllib_path,
    "urllib, decoded twice": urllib_twice,
    "urllib, decoded first": urllib_last,
    "django path": lambda target: django_route(DJANGO_PATH, target),
    "django re_path": lambda target: django_route(DJANGO_REGEX, target),
    "werkzeug": werkzeug_route,
}

for line in sys.stdin.buffer:
    target = line.rstrip(b"\n").decode("latin-1")
    read = {}
    for name, reader in READERS.items():
        try:
            read[name] = reader(target)
        except (ValueError, Resolver404, HTTPException):
            read[name] = ""
    print(json.dumps(read))
