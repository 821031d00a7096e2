package caddymodule_test

import (
	"fmt"
	"strings"
	"testing"
)

// Attack: read the tokens of other users in the access log. Caddy copies a request for its
// log before the gate sees it, so a log without a filter is an error, and one with a filter,
// in any form that hides the token, is none.
func TestAnAccessLogHasToHideTheToken(t *testing.T) {
	const (
		referer = "\nrequest>headers>Referer query {\ndelete access_token\n}"
		uri     = "request>uri query {\ndelete access_token\n}" + referer
		hide    = "request>uri delete\nrequest>headers>Referer delete"
	)
	for name, c := range map[string]struct {
		global, log string
		fits        bool
	}{
		"no log":                          {"", "", true},
		"a log without a block":           {"", "log", false},
		"a log of that name":              {"", "log orders", false},
		"a log of other hosts":            {"", "log {\nhostnames a.example\n}", false},
		"another format":                  {"", "log {\nformat json\n}", false},
		"a file":                          {"", "log {\noutput file a.log\n}", false},
		"nowhere":                         {"", "log {\noutput discard\n}", true},
		"the filter":                      {"", "log {\nformat filter {\n" + uri + "\n}\n}", true},
		"the filter around another":       {"", "log {\nformat filter {\nwrap console\nfields {\n" + uri + "\n}\n}\n}", true},
		"the whole address":               {"", "log {\nformat filter {\n" + hide + "\n}\n}", true},
		"the whole request":               {"", "log {\nformat filter {\nrequest delete\n}\n}", true},
		"a replaced value":                {"", "log {\nformat filter {\nrequest>uri query {\ndelete x\nreplace access_token REDACTED\n}" + referer + "\n}\n}", true},
		"the address without the Referer": {"", "log {\nformat filter {\nrequest>uri query {\ndelete access_token\n}\n}\n}", false},
		"a global one without Referer":    {"log {\nformat filter {\nrequest>uri query {\ndelete access_token\n}\n}\n}", "log", false},
		"the Referer without the address": {"", "log {\nformat filter {" + referer + "\n}\n}", false},
		"another parameter":               {"", "log {\nformat filter {\nrequest>uri query {\ndelete token\n}" + referer + "\n}\n}", false},
		"another field":                   {"", "log {\nformat filter {\nrequest>headers query {\ndelete access_token\n}\n}\n}", false},
		"two logs, one without":           {"", "log a {\nformat filter {\n" + uri + "\n}\n}\nlog b {\nformat json\n}", false},
		"a global filter":                 {"log {\nformat filter {\n" + uri + "\n}\n}", "log", true},
		"a global filter of all":          {"log {\nformat filter {\n" + hide + "\n}\n}", "log", true},
		"a global filter for other logs":  {"log {\nformat filter {\n" + uri + "\n}\n}", "log {\nformat json\n}", false},
		"a global log without one":        {"log {\nformat json\n}", "log", false},
		"a global log of another name":    {"log other {\nformat filter {\n" + uri + "\n}\n}", "log", false},
		"another global log gets all":     {"log {\nformat filter {\n" + uri + "\n}\n}\nlog audit {\noutput file a.log\n}", "log", false},
		"another gets access logs":        {"log audit {\ninclude http.log.access\n}", "log {\nformat filter {\n" + uri + "\n}\n}", false},
		"another gets one of them":        {"log audit {\ninclude http.log.access.log0\n}", "log {\nformat filter {\n" + uri + "\n}\n}", false},
		"another gets those of HTTP":      {"log audit {\ninclude http\n}", "log {\nformat filter {\n" + uri + "\n}\n}", false},
		"another excludes something":      {"log audit {\nexclude http.handlers\n}", "log {\nformat filter {\n" + uri + "\n}\n}", false},
		"another excludes access logs":    {"log audit {\nexclude http.log.access\n}", "log {\nformat filter {\n" + uri + "\n}\n}", true},
		"another gets other lines":        {"log audit {\ninclude http.log.accesses session_gate\n}", "log {\nformat filter {\n" + uri + "\n}\n}", true},
		"another with the filter":         {"log audit {\nformat filter {\n" + uri + "\n}\n}", "log {\nformat filter {\n" + uri + "\n}\n}", true},
		"another writes nowhere":          {"log audit {\noutput discard\n}", "log {\nformat filter {\n" + uri + "\n}\n}", true},
		"another without an access log":   {"log audit {\noutput file a.log\n}", "", true},
		"a global filter of another name": {"log {\nformat filter {\nrequest>uri query {\ndelete token\n}\n}\n}", "log", false},
	} {
		for _, gate := range []string{"session_gate {\ntoken query access_token\n}", "handle /a/* {\nsession_gate {\ntoken query access_token\n}\n}"} {
			_, _, err := adapt(fmt.Sprintf("{\n%s\n}\n:8080 {\n%s\n%s\n}\n", c.global, gate, c.log))
			if fits := err == nil; fits != c.fits || !fits && !strings.Contains(err.Error(), "delete access_token") {
				t.Errorf("%s: adapting %q gives %v", name, gate, err)
			}
		}
		// Other sources need no filter.
		if _, _, err := adapt(fmt.Sprintf("{\n%s\n}\n:8080 {\n%s\nsession_gate\n}\n", c.global, c.log)); err != nil {
			t.Errorf("%s: adapting another source gives %v", name, err)
		}
	}
}

// An operator pastes what the error prints into the log, and the Caddyfile adapts: with one place
// of a token, or two.
func TestThePrintedFilterIsEnough(t *testing.T) {
	for name, lines := range map[string]string{
		"a parameter":   "token query access_token",
		"a subprotocol": "token websocket_protocol bearer",
		"both":          "token header Authorization\ntoken query access_token\ntoken websocket_protocol bearer",
	} {
		site := func(format string) string {
			return ":8080 {\nlog {\noutput stdout\n" + format + "\n}\nsession_gate {\n" + lines + "\n}\n}\n"
		}
		_, _, err := adapt(site(""))
		if err == nil {
			t.Fatalf("%s: a log without a filter is adapted", name)
		}
		_, printed, _ := strings.Cut(err.Error(), "write into the block of log:\n")
		printed, _, _ = strings.Cut(printed, ", at Caddyfile:")
		adapted, _, err := adapt(site(printed))
		if err != nil {
			t.Errorf("%s: with\n%s\n%v", name, printed, err)
		}
		if hides := strings.Contains(string(adapted), `"request\u003eheaders\u003eReferer"`); hides != strings.Contains(lines, "token query") {
			t.Errorf("%s: hides the Referer: %t, in\n%s", name, hides, adapted)
		}
		for place, field := range map[string]string{"query": `"request\u003euri"`, "websocket_protocol": `"request\u003eheaders\u003eSec-Websocket-Protocol"`} {
			if hides := strings.Contains(string(adapted), field); hides != strings.Contains(lines, "token "+place) {
				t.Errorf("%s: hides the %s: %t, in\n%s", name, place, hides, adapted)
			}
		}
	}
}
