package navigation

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// browserAccept is what Chromium and Firefox send when they open a page.
const browserAccept = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"

// pageRequest returns a GET with fields, one in a line.
func pageRequest(target, fields string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for line := range strings.SplitSeq(fields, "\n") {
		if name, value, found := strings.Cut(line, ": "); found {
			r.Header.Add(name, value)
		}
	}
	return r
}

func TestPagesThatAPersonOpens(t *testing.T) {
	for name, fields := range map[string]string{
		"a browser over https":            "Sec-Fetch-Mode: navigate\nSec-Fetch-Dest: document\nSec-Fetch-User: ?1\nAccept: " + browserAccept,
		"a link on another site":          "Sec-Fetch-Site: cross-site\nSec-Fetch-Mode: navigate\nSec-Fetch-Dest: document",
		"a browser over http":             "Accept: " + browserAccept,
		"HTML alone":                      "Accept: text/html",
		"HTML in capitals, with blanks":   "Accept: Text/HTML ; q=1 , */*;q=0.1",
		"HTML first of equals":            "Accept: text/html, application/json",
		"in two fields":                   "Accept: application/json;q=0.5\nAccept: text/html",
		"HTML with the highest weight":    "Accept: application/json;q=0.5, text/html;q=0.6",
		"HTML beside one that is invalid": "Accept: application/json;q=high, text/html;q=0.1",
	} {
		if !IsPage(pageRequest("/", fields)) {
			t.Errorf("%s is no page: %q", name, fields)
		}
	}
}

// Attack: a script that is redirected reads the login page as its data, or fails and never
// learns of the 401.
func TestRequestsThatNobodyOpensAsAPage(t *testing.T) {
	for name, fields := range map[string]string{
		"fetch":                            "Sec-Fetch-Mode: cors\nSec-Fetch-Dest: empty\nAccept: */*",
		"fetch for HTML":                   "Sec-Fetch-Mode: cors\nSec-Fetch-Dest: empty\nAccept: text/html",
		"fetch without CORS":               "Sec-Fetch-Mode: no-cors\nSec-Fetch-Dest: document",
		"a frame":                          "Sec-Fetch-Mode: navigate\nSec-Fetch-Dest: iframe\nAccept: " + browserAccept,
		"an embedded object":               "Sec-Fetch-Mode: navigate\nSec-Fetch-Dest: object\nAccept: " + browserAccept,
		"an image":                         "Sec-Fetch-Mode: no-cors\nSec-Fetch-Dest: image\nAccept: image/*",
		"a WebSocket":                      "Sec-Fetch-Mode: websocket\nSec-Fetch-Dest: empty\nUpgrade: websocket",
		"a WebSocket that asks for HTML":   "Upgrade: websocket\nAccept: text/html",
		"half of the fields":               "Sec-Fetch-Mode: navigate\nAccept: " + browserAccept,
		"the other half":                   "Sec-Fetch-Dest: document\nAccept: " + browserAccept,
		"a field twice":                    "Sec-Fetch-Mode: navigate\nSec-Fetch-Mode: cors\nSec-Fetch-Dest: document",
		"fields in capitals":               "Sec-Fetch-Mode: NAVIGATE\nSec-Fetch-Dest: DOCUMENT",
		"XMLHttpRequest that says so":      "X-Requested-With: XMLHttpRequest\nAccept: text/html, */*; q=0.01",
		"curl":                             "Accept: */*",
		"nothing":                          "",
		"axios":                            "Accept: application/json, text/plain, */*",
		"server-sent events":               "Accept: text/event-stream",
		"JSON first of equals":             "Accept: application/json, text/html",
		"JSON with a higher weight":        "Accept: text/html;q=0.9, application/json",
		"no HTML at all":                   "Accept: text/html;q=0",
		"an invalid weight":                "Accept: text/html;q=2",
		"another weight that is no number": "Accept: text/html;q=NaN",
		"any text":                         "Accept: text/*",
	} {
		if IsPage(pageRequest("/", fields)) {
			t.Errorf("%s is a page: %q", name, fields)
		}
	}
	for _, method := range []string{http.MethodHead, http.MethodPost, http.MethodOptions, http.MethodDelete, "get"} {
		r := pageRequest("/", "Accept: "+browserAccept)
		r.Method = method
		if IsPage(r) {
			t.Errorf("%s is a page", method)
		}
	}
	for _, body := range []int64{1, -1} {
		r := pageRequest("/", "Accept: "+browserAccept)
		if r.ContentLength = body; body < 0 {
			r.TransferEncoding = []string{"chunked"}
		}
		if IsPage(r) {
			t.Errorf("a GET with a body of length %d is a page", body)
		}
	}
}
