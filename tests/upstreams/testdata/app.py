"""The application behind the Python servers.

It appends each request that it runs to the file $SEEN, and answers with the same
JSON: the method, the path, and the values that it takes for the cookie session,
by the name of the library that reads it.
"""

import json
import os
from http.cookies import CookieError, SimpleCookie

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from starlette.requests import Request as StarletteRequest
from werkzeug.wrappers import Request as WerkzeugRequest

settings.configure()
seen_file = os.open(os.environ["SEEN"], os.O_WRONLY | os.O_APPEND)

# Where the application is mounted below a prefix, middlewares such as the one of
# Flask's snippet 35 take the prefix from one of these fields.
PREFIX_FIELDS = ("HTTP_X_SCRIPT_NAME", "HTTP_X_FORWARDED_PREFIX", "HTTP_SCRIPT_NAME")


def note(method, path, user, sessions):
    seen = {"method": method, "path": path, "user": user, "sessions": sessions}
    text = json.dumps(seen).encode()
    os.write(seen_file, text + b"\n")
    return text


def standard_library(cookie):
    try:
        return SimpleCookie(cookie)["session"].value
    except (CookieError, KeyError):
        return ""


def wsgi(environ, start_response):
    path = environ["PATH_INFO"]
    for field in PREFIX_FIELDS:
        prefix = environ.get(field, "")
        if prefix and path.startswith(prefix):
            path = path[len(prefix):]
            break
    text = note(
        environ["REQUEST_METHOD"],
        path.encode("latin-1").decode(errors="replace"),
        environ.get("HTTP_REMOTE_USER", ""),
        {
            "http.cookies": standard_library(environ.get("HTTP_COOKIE", "")),
            "django": WSGIRequest(environ).COOKIES.get("session", ""),
            "werkzeug": WerkzeugRequest(environ).cookies.get("session", ""),
        },
    )
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(text)))])
    return [text]


async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["type"] != "http":
        return
    request = StarletteRequest(scope)
    text = note(
        scope["method"],
        scope["path"],
        request.headers.get("remote-user", ""),
        {
            "starlette": request.cookies.get("session", ""),
            "http.cookies": standard_library(request.headers.get("cookie", "")),
        },
    )
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text})
