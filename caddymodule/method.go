package caddymodule

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// isMethod reports whether a method is a name of the list to some server. gunicorn,
// hypercorn and Jetty take `delete` for DELETE.
func isMethod(method string, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(method, name) })
}

func isDelete(method string, _ *url.URL, _ *http.Request) bool {
	return isMethod(method, http.MethodDelete)
}

func isPost(method string, _ *url.URL, _ *http.Request) bool {
	return isMethod(method, http.MethodPost)
}

// isMiscased reports whether a method is one of the list in another letter case. On a
// path of the gate's own it is refused.
//
// Attack: delete /v1/auth/session, which is no DELETE to the gate. An upstream that
// folds methods ends its own session, while every token stays good.
func isMiscased(method string, names []string) bool {
	return !slices.Contains(names, method) && isMethod(method, names...)
}
