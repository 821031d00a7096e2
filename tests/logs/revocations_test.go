package logs

import (
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/operating"
)

const (
	everywhere  = "a revocation holds everywhere"
	unconfirmed = "a revocation was not confirmed by the store; it holds at this gate, and the gate retries until the store has it"
)

// Somebody asks afterwards who was logged out, when and by whom. Each call has one line, at the
// gate that made it.
func TestEachRevocationHasItsLine(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	config := harness.Config{
		Store: harness.Redis(redis.Addr(), "lines"), Key: harness.NewKey(), App: "lease 1s",
		Gate: "sessions_endpoint /v1/auth/sessions\nbackchannel_logout /v1/auth/logout",
	}
	other := harness.Start(t, config)
	config.App += "\nlog_subject"
	g := harness.Start(t, config)
	key := func(kind store.Kind, value string) string {
		return store.NewKey("lines", kind, tokentest.Issuer, value).String()
	}
	tokens := map[string]string{}
	for _, session := range []string{"a", "b", "c", "d"} {
		tokens[session] = g.Token(harness.Session(session))
		harness.See(t, g, tokens[session])
	}
	answers.Invalidated.Check(t, harness.End(t, g, tokens["a"]))
	line := theLine(t, g, everywhere, map[string]any{
		"level": "info", "kind": "session", "key": key(store.KindSession, "a"), "source": "endpoint", "issuer": tokentest.Issuer, "user_id": "alice", "gates": 2.0,
	})
	if after, ok := line["after"].(float64); !ok || after <= 0 {
		t.Errorf("the line does not say how long it took: %v", line)
	}
	harness.End(t, g, tokens["a"]) // a repeated one changes nothing
	harness.End(t, g, tokens["b"], `{"session_id":"c"}`)
	theLine(t, g, everywhere, map[string]any{"key": key(store.KindSession, "c"), "user_id": "alice"})
	operating.Operate(t, g, "revoke", "--session", "d", "--reason", "lost laptop")
	theLine(t, g, everywhere, map[string]any{"key": key(store.KindSession, "d"), "source": "admin", "reason": "lost laptop", "user_id": nil})
	g.Send(t, "POST", "/v1/auth/logout", harness.Body(form, "logout_token="+logoutToken(t, g, map[string]any{"sub": "bob"})))
	theLine(t, g, everywhere, map[string]any{"kind": "subject", "key": key(store.KindSubject, "bob"), "source": "issuer", "user_id": "bob"})
	g.Send(t, "DELETE", "/v1/auth/sessions", harness.Bearer(tokens["b"]))
	theLine(t, g, everywhere, map[string]any{"kind": "subject", "key": key(store.KindSubject, "alice"), "source": "sessions"})
	if n := len(linesOf(t, g, everywhere)); n != 5 {
		t.Errorf("%d lines, want 5", n)
	}
	answers.Invalidated.Check(t, harness.End(t, other, other.Token(harness.Session("e", "iat", time.Now().Unix()+1))))
	theLine(t, other, everywhere, map[string]any{"key": key(store.KindSession, "e"), "user_id": nil})
	if n := len(linesOf(t, other, everywhere)); n != 1 {
		t.Errorf("%d lines at the other gate, want its own", n)
	}
}

// Fault: Redis does not answer. The log has the beginning and the end of the outage, and a
// revocation that was not confirmed has a line then and one when it holds everywhere.
func TestAnOutageHasABeginningAndAnEnd(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	g := harness.Start(t, harness.Config{Store: harness.Redis(redis.Addr(), "lines"), App: "lease 1s"})
	live, ended := g.Token(harness.Session("lives on")), g.Token(harness.Session("ended"))
	harness.See(t, g, live, ended)
	redis.Freeze()
	key := store.NewKey("lines", store.KindSession, tokentest.Issuer, "ended").String()
	answers.Unconfirmed.Check(t, harness.End(t, g, ended))
	theLine(t, g, unconfirmed, map[string]any{"level": "error", "kind": "session", "key": key, "source": "endpoint", "issuer": tokentest.Issuer})
	harness.Says(t, g, "this gate refuses requests: its lease has expired")
	redis.Thaw()
	harness.Recovers(t, g, live)
	theLine(t, g, everywhere, map[string]any{"kind": "session", "key": key, "source": "endpoint"})
	line := theLine(t, g, "this gate admits requests again", map[string]any{"level": "info"})
	if after, ok := line["after"].(float64); !ok || after <= 0 {
		t.Errorf("the line does not say how long it lasted: %v", line)
	}
}
