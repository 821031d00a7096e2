package caddymodule

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sessiongate/sessiongate/caddymodule/identity"
)

// Attack: read tokens in logs that Caddy writes before any handler can hide them. The gate
// warns about such a configuration, and about no other.
func TestAGateWarnsOfWhatCaddysLogsShow(t *testing.T) {
	shown := &caddyhttp.ServerLogConfig{ShouldLogCredentials: true}
	sessions := &identity.Config{Headers: map[string]string{"X-Session": "sid", "X-Token": "jti", "X-User": "sub"}}
	for name, test := range map[string]struct {
		gate  Gate
		logs  *caddyhttp.ServerLogConfig
		level slog.Level
		want  []string
	}{
		"a plain gate":                     {Gate{}, new(caddyhttp.ServerLogConfig), slog.LevelDebug, nil},
		"the token in a cookie":            {Gate{Token: &TokenSource{Cookie: "session"}}, nil, slog.LevelInfo, nil},
		"the proxy's field":                {Gate{Token: &TokenSource{Header: "proxy-authorization"}}, nil, slog.LevelInfo, nil},
		"the token in another field":       {Gate{Token: &TokenSource{Header: "x-api-token"}}, nil, slog.LevelInfo, []string{"header=X-Api-Token"}},
		"the token in the query":           {Gate{Token: &TokenSource{Query: "at"}}, nil, slog.LevelInfo, []string{`filter="format filter {\n\trequest>uri query {\n\t\tdelete at`}},
		"the token in a subprotocol":       {Gate{Token: &TokenSource{WebSocketProtocol: "bearer"}}, nil, slog.LevelInfo, []string{`filter="format filter {\n\trequest>headers>Sec-Websocket-Protocol delete`}},
		"the token in both":                {Gate{Token: &TokenSource{Query: "at", WebSocketProtocol: "bearer"}}, nil, slog.LevelInfo, []string{`delete at\n\t}\n\trequest>headers>Sec-Websocket-Protocol delete\n}`}},
		"credentials that are to be shown": {Gate{}, shown, slog.LevelInfo, []string{"log_credentials"}},
		"ids in headers, at level debug":   {Gate{Identity: sessions}, nil, slog.LevelDebug, []string{"header=X-Session", "header=X-Token"}},
		"ids in headers":                   {Gate{Identity: sessions}, nil, slog.LevelInfo, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			g := newGate(t, "HS256", test.gate).gate
			g.logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: test.level}))
			g.warnOfLogs(test.logs)
			if lines := strings.Count(log.String(), "level=WARN"); lines != len(test.want) {
				t.Errorf("%d warnings, want %d:\n%s", lines, len(test.want), log.String())
			}
			for _, want := range test.want {
				if !strings.Contains(log.String(), want) {
					t.Errorf("no warning has %q:\n%s", want, log.String())
				}
			}
		})
	}
}

// An issuer logs users out at many applications, and does not tell that one of them refuses
// its tokens.
func TestAGateWarnsOfLogoutTokensThatItWouldRefuse(t *testing.T) {
	for name, test := range map[string]struct {
		gate    Gate
		issuers []*Issuer
		want    int
	}{
		"no logout_audience":       {Gate{BackchannelLogout: "/logout"}, []*Issuer{{Audience: []string{"api"}}, {Audience: []string{"b"}}}, 1},
		"one issuer has it":        {Gate{BackchannelLogout: "/logout"}, []*Issuer{{Audience: []string{"api"}}, {LogoutAudience: []string{"web"}}}, 0},
		"any audience":             {Gate{BackchannelLogout: "/logout"}, []*Issuer{{AnyAudience: true}}, 0},
		"no logout by the issuers": {Gate{}, []*Issuer{{Audience: []string{"api"}}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			g := newGate(t, "HS256", test.gate)
			g.app.Issuer = test.issuers
			g.reload(t, slog.New(slog.NewTextHandler(&log, nil)))
			if got := strings.Count(log.String(), "no issuer has logout_audience"); got != test.want {
				t.Errorf("%d warnings, want %d:\n%s", got, test.want, log.String())
			}
		})
	}
}

// Any claim may be configured to name sessions.
func TestTheClaimsThatNameSessionsAreKnown(t *testing.T) {
	app := &App{Issuer: []*Issuer{{}, {SessionClaim: ClaimNames{"session", "session_id"}, TokenIDClaim: "uti"}}}
	for claim, want := range map[string]bool{"sid": true, "jti": true, "session": true, "session_id": true, "uti": true, "sub": false, "": false} {
		if got := app.namesSession(claim); got != want {
			t.Errorf("%q names a session or a token: %v, want %v", claim, got, want)
		}
	}
}
