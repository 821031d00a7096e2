package command

import (
	"net"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
	"github.com/sessiongate/sessiongate/caddymodule/operator/operatortest"
)

// The issuers of the tests: their keys were fetched, never loaded, and read from a file.
func fetched() operator.Issuer {
	age, next := operator.Seconds(182), operator.Seconds(418)
	return operator.Issuer{Issuer: "https://id.example.com", Keys: 2, Loaded: true, Sources: []operator.KeySource{
		{Kind: "jwks", Place: "https://id.example.com/jwks.json", Keys: 2, AgeSeconds: &age, NextSeconds: &next},
	}}
}

func mistyped(optional bool) operator.Issuer {
	next := operator.Seconds(28)
	return operator.Issuer{Issuer: "https://other.example.com", Optional: optional, Sources: []operator.KeySource{
		{Kind: "jwks", Place: "https://other.example.com/jkws.json", Error: `fetching "https://other.example.com/jkws.json": status 404`, NextSeconds: &next},
	}}
}

func inFiles() operator.Issuer {
	return operator.Issuer{Issuer: "https://old.example.com", Keys: 2, Loaded: true, Sources: []operator.KeySource{
		{Kind: "jwks_file", Place: "/etc/keys.json", Keys: 1}, {Kind: "hmac_secret", Keys: 1},
	}}
}

func TestHealthShowsTheStoreAndTheIssuers(t *testing.T) {
	state := well()
	state.Address, state.Issuers = "redis-0:6379, redis-1:6379", []operator.Issuer{fetched(), inFiles(), mistyped(true)}
	var printed strings.Builder
	if err := answering(t, state).health(&printed, false); err != nil {
		t.Error(err)
	}
	want := `The gate admits requests, and refuses every token of https://other.example.com with 503: it has no keys.
Why:   the keys of https://other.example.com were never loaded.
Next:  compare the URL, and repair the way from this gate to the issuer; its error below says what fails; the gate tries again by itself.

store        redis at redis-0:6379, redis-1:6379, namespace "orders"
log          settled, generation 00000000deadbeef, entry 17, 0 behind
lease        3s, extended 400ms ago
gates        2 live
revocations  12
issuer       https://id.example.com
             jwks https://id.example.com/jwks.json: 2 keys, fetched 3m2s ago, next try in 6m58s
issuer       https://old.example.com
             jwks_file /etc/keys.json: 1 key
             hmac_secret: 1 key
issuer       https://other.example.com, no keys (keys_optional)
             jwks https://other.example.com/jkws.json: never loaded, next try in 28s
             error: fetching "https://other.example.com/jkws.json": status 404
`
	if printed.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", printed.String(), want)
	}
}

// Fault: a typo in the URL of a key set. The gate refuses everybody, and `health` must not say
// that it admits requests.
func TestAGateWithoutKeysDoesNotAdmit(t *testing.T) {
	lapsed := fetched()
	lapsed.Keys, lapsed.Sources[0].Keys, lapsed.Sources[0].Lapsed = 0, 0, true
	*lapsed.Sources[0].AgeSeconds, lapsed.Sources[0].Error = 90_000, "status 500"
	suspended := fetched()
	suspended.Keys, suspended.Sources[0].Keys, suspended.Sources[0].Lapsed, suspended.Sources[0].NextSeconds = 0, 0, true, nil
	published := fetched()
	published.Keys, published.Sources[0].Keys, published.Sources[0].Error = 0, 0, "none of its 2 keys is usable"
	loading := mistyped(false)
	loading.Sources[0].Error = ""
	failing := fetched()
	failing.Sources[0].Error, *failing.Sources[0].AgeSeconds = "status 500", 3600
	partly := fetched()
	partly.Sources = append(partly.Sources, mistyped(false).Sources...)
	partlyLapsed := fetched()
	partlyLapsed.Sources = append(partlyLapsed.Sources, lapsed.Sources...)
	for name, c := range map[string]struct {
		issuers         []operator.Issuer
		what, why, next string
		status          int
	}{
		"the only issuer":       {[]operator.Issuer{mistyped(false)}, "refuses every token with 503: it has no keys of https://other.example.com", "never loaded", "compare the URL", 1},
		"the only one optional": {[]operator.Issuer{mistyped(true)}, "refuses every token with 503", "never loaded", "compare the URL", 1},
		"one of two":            {[]operator.Issuer{fetched(), mistyped(false)}, "refuses every token of https://other.example.com with 503: it has no keys. Otherwise it admits requests.", "never loaded", "compare the URL", 1},
		"an optional one of two": {
			[]operator.Issuer{mistyped(true), inFiles()}, "admits requests, and refuses every token of https://other.example.com with 503", "never loaded", "compare the URL", 0,
		},
		"a moment after the start": {[]operator.Issuer{loading}, "refuses every token with 503", "were never loaded yet", "wait a few seconds", 1},
		"lapsed":                   {[]operator.Issuer{lapsed}, "refuses every token with 503", "could not be fetched for 24h0m0s", "repair the way", 1},
		"suspended":                {[]operator.Issuer{suspended}, "refuses every token with 503", "too old, as after a suspend", "wait a few seconds", 1},
		"published":                {[]operator.Issuer{published}, "refuses every token with 503", "has published the private keys", "tell the issuer", 1},
		"failing":                  {[]operator.Issuer{failing}, "admits requests", "hold for 23h0m0s more", "repair the way", 0},
		"one of two places":        {[]operator.Issuer{partly}, "admits requests", "at https://other.example.com/jkws.json were never loaded", "compare the URL", 0},
		"one of two places lapsed": {[]operator.Issuer{partlyLapsed}, "admits requests", "its tokens that no other key verifies are 503", "repair the way", 0},
		"keys":                     {[]operator.Issuer{fetched(), inFiles()}, "admits requests", "", "", 0},
		"a hundred": {
			append([]operator.Issuer{fetched()}, slicesOf(mistyped(false), 100)...),
			"refuses every token of https://other.example.com, https://other.example.com, https://other.example.com and 97 more with 503", "never loaded", "compare", 1,
		},
	} {
		state := well()
		state.Issuers = c.issuers
		var printed strings.Builder
		err := answering(t, state).health(&printed, false)
		if c.status == 0 && err != nil {
			t.Errorf("%s: %v", name, err)
		} else if c.status != 0 {
			wantExit(t, err, c.status)
		}
		why, next := state.Advice()
		first, _, _ := strings.Cut(printed.String(), "\n")
		if !strings.HasPrefix(first, "The gate "+c.what) || !strings.Contains(why, c.why) || !strings.Contains(next, c.next) || (why == "") != (c.why == "") {
			t.Errorf("%s: %s why: %s; next: %s", name, first, why, next)
		}
		if (c.status == 0) != strings.HasPrefix(first, "The gate admits requests") {
			t.Errorf("%s: %s", name, first)
		}
	}
}

func slicesOf(issuer operator.Issuer, n int) (all []operator.Issuer) {
	for range n {
		all = append(all, issuer)
	}
	return all
}

// What concerns everybody comes first: without the store, keys do not help.
func TestAFencedGateWithoutKeysNamesTheStoreFirst(t *testing.T) {
	state := well()
	state.Fenced, state.Degraded, state.Error, state.Issuers = true, true, "away", []operator.Issuer{mistyped(false)}
	if why, _ := state.Advice(); !strings.Contains(why, "the store cannot be used") || !strings.HasPrefix(state.Admission(), "refuses every guarded request") {
		t.Errorf("the gate %s, because %s", state.Admission(), why)
	}
	state.Fenced, state.Degraded = false, false
	if why, _ := state.Advice(); !strings.Contains(why, "never loaded") {
		t.Errorf("within the lease: %s", why)
	}
}

// Fault: nothing listens, another program does, or the flags are wrong. A monitor has to tell
// that from a gate that refuses.
func TestHealthOfAGateThatCannotBeAsked(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	_, err = sessionGate(t, "health", "--address", listener.Addr().String())
	if err == nil || !strings.Contains(err.Error(), "status 2") { // an error of Caddy's own
		t.Errorf("where nothing listens: error %v, want exit status 2", err)
	}
	app := operatortest.Closed(t, operator.Store{Kind: "memory", Namespace: "default"})
	var printed strings.Builder
	wantExit(t, directly(t, app).health(&printed, false), 1)
	wantExit(t, answering(t, operator.State{}).health(&printed, false), 2)
}
