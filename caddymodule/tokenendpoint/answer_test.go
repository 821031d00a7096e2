package tokenendpoint

import (
	"bytes"
	"compress/gzip"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/caller"
	"github.com/sessiongate/sessiongate/caddymodule/caller/callertest"
	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
)

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// answerOf returns an answer with this coding, status and body.
func answerOf(status int, coding, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if coding != "" {
			w.Header().Set("Content-Encoding", coding)
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Upstream", "yes")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body)) // the gate buffers it
	}
}

// Attack: tokens of a revoked session come in an answer that the gate cannot read. The gate
// must withhold such an answer, with all its fields.
func TestAnswersAreReadOrWithheld(t *testing.T) {
	g := newGrantTest(t, Options{})
	g.Revoke(t, store.KindSession, "over", 0)
	over := `{"access_token":"` + g.Mint(t, map[string]any{"sid": "over"}) + `"}`
	fine := ` {"access_token":"` + g.Mint(t, map[string]any{"sid": "on"}) + `"}` + "\n"
	filler := strings.Repeat(" ", maxAnswer)
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		status int
		body   string
	}{
		"fine":                      {answerOf(200, "", fine), 200, fine},
		"over":                      {answerOf(200, "", over), 400, ""},
		"created":                   {answerOf(201, "", fine), 201, fine},
		"over and created":          {answerOf(201, "", over), 400, ""},
		"in gzip":                   {answerOf(200, "gzip", gzipped(t, fine)), 200, gzipped(t, fine)},
		"over, in gzip":             {answerOf(200, "gzip", gzipped(t, over)), 400, ""},
		"said to be plain":          {answerOf(200, "", gzipped(t, over)), 502, ""},
		"in brotli":                 {answerOf(200, "br", over), 502, ""},
		"a bomb":                    {answerOf(200, "gzip", gzipped(t, filler+fine)), 502, ""},
		"too large":                 {answerOf(200, "", filler+over), 502, ""},
		"just fitting":              {answerOf(200, "", filler[len(fine):]+fine), 200, filler[len(fine):] + fine},
		"a page":                    {answerOf(200, "", "<html>"), 502, ""},
		"duplicates":                {answerOf(200, "", `{"access_token":"a","Access_Token":"b"}`), 502, ""},
		"nothing, in brotli":        {answerOf(200, "br", ""), 200, ""},
		"nothing":                   {answerOf(200, "", ""), 200, ""},
		"an error":                  {answerOf(401, "", `{"error":"invalid_client"}`), 401, `{"error":"invalid_client"}`},
		"a large error in a coding": {answerOf(500, "br", filler+filler), 500, filler + filler},
		"a redirection":             {answerOf(302, "", "<a>"), 302, "<a>"},
		"no content":                {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, 204, ""},
		"an interim answer first":   {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(103); answerOf(200, "", over)(w, r) }, 400, ""},
		"in many parts, with flushes": {func(w http.ResponseWriter, _ *http.Request) {
			for _, part := range strings.SplitAfter(over, "") {
				_, _ = w.Write([]byte(part))
				_ = http.NewResponseController(w).Flush()
			}
		}, 400, ""},
		"broken off": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(fine))
			panic(http.ErrAbortHandler)
		}, 502, ""},
		"taken over": {func(w http.ResponseWriter, _ *http.Request) {
			if _, _, err := http.NewResponseController(w).Hijack(); !errors.Is(err, http.ErrNotSupported) {
				t.Errorf("Hijack: %v, want ErrNotSupported", err)
			}
		}, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g.Answers(tt.answer)
			a := g.Send(t, http.MethodPost, tokenPath, formMedia, "grant_type=x")
			a.Want(t, tt.status, "")
			if a.StatusCode == 400 || a.StatusCode == 502 {
				if strings.Contains(a.Text, "eyJ") || a.Header.Get("X-Upstream") != "" || a.Header.Get("Content-Encoding") != "" {
					t.Errorf("handed out %s with %v", a.Text, a.Header)
				}
			} else if a.Text != tt.body {
				t.Errorf("answered %d bytes, want %d", len(a.Text), len(tt.body))
			}
		})
	}
}

// Fields of the answer that describe its body are still true. A trailer must not pass,
// because it could hold an unchecked token.
func TestTheFieldsOfAnAnswerPass(t *testing.T) {
	g := newGrantTest(t, Options{})
	g.Answers(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Token")
		w.Header().Add("Set-Cookie", "a=b")
		w.Header().Add("Set-Cookie", "c=d")
		_, _ = w.Write([]byte(`{"scope":"x"}`))
		w.Header().Set("X-Token", "t")
		w.Header().Set(http.TrailerPrefix+"X-Other", "t")
	})
	a := g.Send(t, http.MethodPost, tokenPath, formMedia, "grant_type=x")
	if a.ContentLength != 13 || len(a.Header["Set-Cookie"]) != 2 || len(a.Trailer) != 0 || a.Header.Get("Trailer") != "" {
		t.Errorf("answered %v with the trailer %v", a.Header, a.Trailer)
	}
}

// Caddy answers an error of the next handler. The gate must pass on a panic that is not
// reverse_proxy's.
func TestErrorsOfTheUpstreamPass(t *testing.T) {
	g := newGrantTest(t, Options{})
	failing := errors.New("no upstream")
	w := httptest.NewRecorder()
	r := callertest.Request(http.MethodPost, tokenPath, "", "")
	err := g.endpoint.Serve(w, r, func(http.ResponseWriter, *http.Request) error { return failing })
	if !errors.Is(err, failing) || w.Body.Len() > 0 {
		t.Errorf("error %v, answered %s", err, w.Body)
	}
	defer func() {
		if cause := recover(); cause != "bug" {
			t.Errorf("recovered %v", cause)
		}
	}()
	_ = g.endpoint.Serve(w, r, func(http.ResponseWriter, *http.Request) error { panic("bug") })
}

// Invariant 7: a token that cannot be checked must neither be passed on nor be called
// revoked.
func TestATokenEndpointThatCannotBeCheckedIsUnavailable(t *testing.T) {
	fails := func() error { return errors.New("no answer") }
	const refresh, login = "refresh_token=r1", "grant_type=password"
	for name, tt := range map[string]struct {
		form  string
		fault func(*grantTest)
		up    bool // whether the request reaches the token endpoint
	}{
		"before the start": {login, func(g *grantTest) {
			g.serve(Options{}, hub.New(hub.Options{}))
		}, false},
		"fenced":                  {login, func(g *grantTest) { g.Fence() }, false},
		"no look-up":              {refresh, func(g *grantTest) { g.Store.On("Known", fails) }, false},
		"nothing can be learned":  {login, func(g *grantTest) { g.Store.On("Learn", fails) }, true},
		"too many of one session": {login, func(g *grantTest) { g.Store.On("Learn", func() error { return store.ErrFullFamily }) }, true},
		"a store that learns not": {login, func(g *grantTest) {
			elsewhere := hub.New(hub.Options{})
			t.Cleanup(func() { _ = elsewhere.Close() })
			if err := elsewhere.Open(hub.Settings{}, func(*slog.Logger) (store.Backend, error) {
				return struct{ store.Backend }{memstore.New(nil)}, nil
			}); err != nil {
				t.Fatal(err)
			}
			g.Store.Keep(elsewhere.Tokens())
		}, true},
		"fenced while it is learned": {login, func(g *grantTest) {
			g.Store.On("Learn", func() error { g.Fence(); return nil })
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGrantTest(t, Options{})
			g.Login(t, hand(g.access(t, "t1", nil), "r1"))
			tt.fault(g)
			g.Hands(hand(g.access(t, "t2", nil), "r2"))
			a := g.Send(t, http.MethodPost, tokenPath, formMedia, tt.form)
			a.Want(t, http.StatusServiceUnavailable, "temporarily_unavailable")
			if a.Header.Get("Retry-After") != "1" || strings.Contains(a.Text, "eyJ") {
				t.Errorf("answered %s with %v", a.Text, a.Header)
			}
			if up := len(g.Take()) == 1; up != tt.up {
				t.Errorf("reached the token endpoint: %t", up)
			}
		})
	}
}

// Pages of the origins that may call the gate may read why they are refused.
func TestRefusalsOfTheTokenEndpointCanBeReadByPages(t *testing.T) {
	origins, err := caller.NewOrigins([]string{"https://app.example.com"}, false)
	if err != nil {
		t.Fatal(err)
	}
	g := newGrantTest(t, Options{Origins: origins})
	for origin, want := range map[string]string{"https://app.example.com": "https://app.example.com", "https://evil.example.com": ""} {
		a := g.Send(t, http.MethodPost, tokenPath, formMedia, "grant_type=refresh_token", "Origin", origin)
		a.Want(t, http.StatusBadRequest, "invalid_request")
		if got := a.Header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("%s: allowed is %q", origin, got)
		}
	}
}

// The gate warns once about refresh tokens that live longer than revocations are kept.
func TestRefreshTokensThatOutliveTheRetentionAreWarnedOf(t *testing.T) {
	for name, answer := range map[string]func(*grantTest) map[string]any{
		"by the answer": func(*grantTest) map[string]any {
			return map[string]any{"access_token": "a", "refresh_token": "r", "refresh_expires_in": 2592000}
		},
		"by the token": func(g *grantTest) map[string]any {
			return hand("a", g.Mint(t, map[string]any{"exp": time.Now().Add(720 * time.Hour).Unix()}))
		},
	} {
		g := newGrantTest(t, Options{})
		for range 3 {
			g.Login(t, answer(g))
		}
		if n := strings.Count(g.Log.String(), "raise retention"); n != 1 {
			t.Errorf("%s: %d warnings, want one: %s", name, n, g.Log.String())
		}
	}
}
