package operator_test

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/operator"
	"github.com/sessiongate/sessiongate/caddymodule/operator/operatortest"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
	"github.com/sessiongate/sessiongate/store/replica"
)

// ended revokes by something else than an operator.
func ended(t *testing.T, app *operatortest.App, from store.Source, r store.Revocation) {
	t.Helper()
	r.Expires = time.Now().Add(time.Hour).Unix()
	if err := app.Hub().Revoke(t.Context(), hub.Cause{Source: from, Issuer: tokentest.Issuer}, r); err != nil {
		t.Fatal(err)
	}
}

// Fault: a user cannot get in, and nobody can tell who has revoked the session, when and why.
func TestCheckTellsWhereARevocationComesFrom(t *testing.T) {
	app := operatortest.New(t)
	key := func(kind store.Kind, value string) store.Key {
		return app.Hub().Key(kind, tokentest.Issuer, value)
	}
	now := time.Now().Unix()
	login := store.NewLoginKey("default", tokentest.Issuer, "carol", now-60)
	family := store.Key{7}
	learned := app.Mint(t, map[string]any{"sid": nil, "jti": "learned", "sub": "dora"})
	if err := app.Hub().Tokens().Learn(t.Context(), store.Grant{
		Token: key(store.KindToken, "learned"), Access: true, Families: []store.Key{family}, Expires: now + 3600,
	}); err != nil {
		t.Fatal(err)
	}
	revokes(t, app, `{"session":"laptop","reason":"lost laptop"}`)
	ended(t, app, store.SourceEndpoint, store.Revocation{Kind: store.KindToken, Key: key(store.KindToken, "leaked")})
	ended(t, app, store.SourceIssuer, store.Revocation{Kind: store.KindSubject, Key: key(store.KindSubject, "bob"), NotBefore: now})
	ended(t, app, store.SourceSessions, store.Revocation{Kind: store.KindSession, Key: login})
	ended(t, app, store.SourceStandard, store.Revocation{Kind: store.KindSession, Key: family})
	for name, c := range map[string]struct {
		raw            string
		by, source     []string
		key            store.Key
		reason, absent string
	}{
		"a session":         {app.Mint(t, map[string]any{"sid": "laptop"}), []string{"session"}, []string{"admin"}, key(store.KindSession, "laptop"), "lost laptop", ""},
		"a token":           {app.Mint(t, map[string]any{"jti": "leaked"}), []string{"token"}, []string{"endpoint"}, key(store.KindToken, "leaked"), "", ""},
		"a subject":         {app.Mint(t, map[string]any{"sub": "bob"}), []string{"subject"}, []string{"issuer"}, key(store.KindSubject, "bob"), "", ""},
		"a login":           {app.Mint(t, map[string]any{"sub": "carol", "auth_time": now - 60, "sid": nil}), []string{"login"}, []string{"sessions"}, login, "", ""},
		"a learned login":   {learned, []string{"learned", "token"}, []string{"standard", "standard"}, family, "", ""},
		"nothing at all":    {app.Mint(t, map[string]any{"sid": "fine"}), nil, nil, store.Key{}, "", ""},
		"a login and token": {app.Mint(t, map[string]any{"sub": "carol", "auth_time": now - 60, "jti": "leaked"}), []string{"login", "token"}, []string{"sessions", "endpoint"}, login, "", ""},
	} {
		e, _ := explain(t, app, c.raw)
		if len(e.Revocations) != len(c.by) || e.Admitted != (len(c.by) == 0) {
			t.Errorf("%s: explained as %+v", name, e.Revocations)
			continue
		}
		for i, r := range e.Revocations {
			if r.By != c.by[i] || r.Source != c.source[i] || r.Unknown != "" || r.Since == nil || time.Since(*r.Since).Abs() > time.Minute {
				t.Errorf("%s: explained as %+v, want %v by %v", name, r, c.by, c.source)
			}
		}
		if len(c.by) > 0 && (e.Revocations[0].Key != c.key.String() || e.Revocations[0].Reason != c.reason) {
			t.Errorf("%s: explained as %+v", name, e.Revocations[0])
		}
	}
}

// The first revocation says since when. A later one, and one of somebody else's login, do not.
func TestTheFirstRevocationSaysSinceWhen(t *testing.T) {
	app := operatortest.New(t)
	now := time.Now().Unix()
	subject := app.Hub().Key(store.KindSubject, tokentest.Issuer, "alice")
	kept := app.Hub().Key(store.KindSession, tokentest.Issuer, "kept")
	ended(t, app, store.SourceIssuer, store.Revocation{Kind: store.KindSubject, Key: subject, NotBefore: now - 100})
	ended(t, app, store.SourceSessions, store.Revocation{Kind: store.KindSubject, Key: subject, NotBefore: now - 50, Except: kept})
	revokes(t, app, `{"subject":"alice","reason":"again"}`)
	for issued, want := range map[int64]string{now - 200: "issuer", now - 70: "sessions", now - 10: "admin"} {
		e, _ := explain(t, app, app.Mint(t, map[string]any{"iat": issued}))
		if len(e.Revocations) != 1 || e.Revocations[0].Source != want {
			t.Errorf("issued %d s ago, explained as %+v, want by %s", now-issued, e.Revocations, want)
		}
	}
	if e, _ := explain(t, app, app.Mint(t, map[string]any{"iat": now - 70, "sid": "kept"})); len(e.Revocations) != 1 || e.Revocations[0].Source != "admin" {
		t.Errorf("of the excepted session, explained as %+v", e.Revocations)
	}
}

// silent is a store whose log cannot be read by those who do not wait for an entry.
type silent struct {
	store.Backend
	read atomic.Pointer[func(context.Context) error]
}

func (s *silent) Read(ctx context.Context, after store.Position, wait time.Duration) (store.Batch, error) {
	if read := s.read.Load(); read != nil {
		if err := (*read)(ctx); err != nil {
			return store.Batch{}, err
		}
	}
	return s.Backend.Read(ctx, after, wait)
}

// Fault: the store hangs or is away. The gate decides without it, so the person on call reads
// the decision, and that nobody knows where it comes from.
func TestCheckAndListAnswerWithoutTheStore(t *testing.T) {
	for name, c := range map[string]struct {
		read func(context.Context) error
		want string
	}{
		"it hangs": {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, "within 3s"},
		"it fails": {func(context.Context) error { return errors.New("no answer from redis-0") }, "the store did not answer: "},
	} {
		synctest.Test(t, func(t *testing.T) {
			backend := &silent{Backend: memstore.New(nil)}
			app := operatortest.On(t, backend)
			raw := app.Mint(t, map[string]any{"sid": "over"})
			app.WantAdmitted(t, raw, true)
			time.Sleep(time.Second) // the registry has written the session
			revokes(t, app, `{"session":"over"}`)
			backend.read.Store(&c.read)
			began := time.Now()
			e, _ := explain(t, app, raw)
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("%s: took %v", name, took)
			}
			if e.Admitted || len(e.Revocations) != 1 || e.Revocations[0].By != "session" || !strings.Contains(e.Revocations[0].Unknown, c.want) {
				t.Errorf("%s: explained as %+v", name, e)
			}
			var list operator.SessionList
			status, said := operatortest.Order(t, app, http.MethodPost, operator.PathSessions, `{"subject":"alice"}`, &list)
			if status != http.StatusOK || len(list.Sessions) != 1 || !list.Sessions[0].Revoked || !strings.Contains(list.Sessions[0].Unknown, c.want) {
				t.Errorf("%s: the list is %d %s", name, status, said)
			}
		})
	}
}

// A log that was restored after a loss knows no origins.
func TestARestoredLogDoesNotSay(t *testing.T) {
	backend := memstore.New(nil)
	app := operatortest.On(t, backend)
	key := app.Hub().Key(store.KindSession, tokentest.Issuer, "s")
	bare := store.Revocation{Kind: store.KindSession, Key: key, Expires: time.Now().Add(time.Hour).Unix()}
	if err := app.Hub().Mark(t.Context(), bare); err != nil { // without an origin
		t.Fatal(err)
	}
	raw := app.Mint(t, map[string]any{"sid": "s"})
	e, _ := explain(t, app, raw)
	if len(e.Revocations) != 1 || e.Revocations[0].Since != nil || !strings.Contains(e.Revocations[0].Unknown, "restored after a loss") {
		t.Errorf("explained as %+v", e.Revocations)
	}
	bare.Expires += 60
	bare.Origin = store.Origin{Source: store.SourceAdmin, Made: time.Now().Unix()}
	if _, err := backend.Append(t.Context(), bare); err != nil {
		t.Fatal(err)
	}
	e, _ = explain(t, app, raw)
	if len(e.Revocations) != 1 || e.Revocations[0].Source != "admin" || !strings.Contains(e.Revocations[0].Unknown, "may be revoked for longer") {
		t.Errorf("explained as %+v", e.Revocations)
	}
}

// Attack: read the whole key of a revocation from an answer that somebody pasted into a ticket.
// Invariant 10: a prefix of the hash names it.
func TestAnswersHoldNoWholeKeyAndNoToken(t *testing.T) {
	app := operatortest.New(t)
	raw := app.Mint(t, map[string]any{"sid": "laptop", "jti": "one"})
	app.WantAdmitted(t, raw, true)
	for _, body := range []string{`{"session":"laptop"}`, `{"token":"one"}`, `{"subject":"alice"}`, `{"issuer_before":true}`} {
		revokes(t, app, body)
	}
	_, checked := operatortest.Order(t, app, http.MethodPost, operator.PathCheck, `{"token":"`+raw+`"}`, nil)
	_, listed := operatortest.Order(t, app, http.MethodPost, operator.PathSessions, `{"subject":"alice"}`, nil)
	secret := []string{raw, raw[strings.LastIndexByte(raw, '.')+1:]}
	for kind, value := range map[store.Kind]string{store.KindSession: "laptop", store.KindToken: "one", store.KindSubject: "alice", store.KindIssuer: ""} {
		key := app.Hub().Key(kind, tokentest.Issuer, value)
		if said := checked + listed; !strings.Contains(said, key.String()) {
			t.Errorf("no answer names the %s by its prefix", kind)
		}
		secret = append(secret, hex.EncodeToString(key[:]))
	}
	for _, text := range secret {
		if strings.Contains(checked, text) || strings.Contains(listed, text) {
			t.Errorf("an answer holds %q", text)
		}
	}
}

// Tokens from before a loss are refused because of the loss, and not because of a revocation.
func TestTheFloorIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := operatortest.NewFleet().App(t, replica.Options{}, "auto")
		operatortest.AwaitState(t, app, "settled")
		_, set := app.Hub().Store()
		floor := time.Now().Unix() - 10
		if err := set.Raise(t.Context(), store.Bounds{Floor: floor}); err != nil {
			t.Fatal(err)
		}
		e, _ := explain(t, app, app.Mint(t, map[string]any{"iat": floor - 5}))
		if len(e.Revocations) != 1 || e.Revocations[0].By != "floor" || e.Revocations[0].NotBefore == nil || e.Revocations[0].NotBefore.Unix() != floor ||
			!strings.Contains(e.Revocations[0].Unknown, "no gate knows which") || e.Revocations[0].Key != "" {
			t.Errorf("explained as %+v", e.Revocations)
		}
	})
}

func TestTheListTellsWhereARevocationComesFrom(t *testing.T) {
	app := operatortest.New(t)
	for _, sid := range []string{"laptop", "phone", "kept"} {
		app.WantAdmitted(t, app.Mint(t, map[string]any{"sid": sid}), true)
	}
	revokes(t, app, `{"session":"laptop","reason":"lost"}`)
	revokes(t, app, `{"subject":"alice","except_session":"kept","reason":"left"}`)
	var list operator.SessionList
	if status, said := operatortest.Order(t, app, http.MethodPost, operator.PathSessions, `{"subject":"alice"}`, &list); status != http.StatusOK {
		t.Fatalf("answered %d %s", status, said)
	}
	want := map[string][2]string{"laptop": {"session", "lost"}, "phone": {"subject", "left"}, "kept": {"", ""}}
	for _, s := range list.Sessions {
		if c := want[s.ID]; s.By != c[0] || s.Reason != c[1] || (s.Since != nil) != s.Revoked || s.Unknown != "" {
			t.Errorf("listed as %+v, want %v", s, c)
		}
	}
	if len(list.Revocations) != 1 || list.Revocations[0].By != "subject" || list.Revocations[0].Reason != "left" || list.Revocations[0].Source != "admin" {
		t.Errorf("the revocations of the subject are %+v", list.Revocations)
	}
}
