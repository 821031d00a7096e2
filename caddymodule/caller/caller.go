package caller

import (
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/credential"
	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/sessions"
)

// Options are what a Reader asks. All but Site and Logger are required.
type Options struct {
	// Credential finds the credential of a request.
	Credential credential.Extractor
	// Verifier verifies it.
	Verifier *token.Verifier
	// Hub knows what is revoked.
	Hub *hub.Hub
	// Site is the index of the gate's own rules (token.Verifier.AddSite), or 0 for none.
	Site int
	// Logger logs that users are locked out (NoteRefusal). Default: none.
	Logger *slog.Logger
	// Traced says that requests may have spans. Then Read calls Trace for each token: with
	// whether it was in the cache, and the configured issuer that it names, "" for none.
	// Default: nil, no request is traced.
	Traced *atomic.Bool
	Trace  func(r *http.Request, cached bool, issuer string)
}

// Reader finds out who sends a request. It may be used concurrently.
type Reader struct{ o Options }

// New returns a Reader.
func New(o Options) *Reader {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Reader{o}
}

// Read finds and verifies the token of a request, or returns why the request is refused. It
// does not check whether the token is revoked (Check). The source is that of the credential,
// also if the credential is refused; it is SourceNone if the request does not have exactly
// one. Read removes a token in the query from the request, so that nobody reads the query
// with it. Read does not allocate for a token that was verified before.
//
// Read waits only for the key of a token whose `kid` is new, at most a second
// (token.Verifier.VerifyWaiting). It then sets now to the time after that.
//
// Attack: wait in the gate until its lease is over and the session was revoked elsewhere. The
// lease must be checked at the time after the wait.
func (c *Reader) Read(r *http.Request, now *time.Time) (*token.Verified, credential.Source, *reply.Denial) {
	raw, source, err := c.o.Credential.Extract(r)
	if err != nil {
		return nil, source, refused(err)
	}
	if source == credential.SourceQuery {
		c.o.Credential.TakeQuery(r)
	}
	cached := c.isTraced() && c.o.Verifier.Lookup(raw) != nil
	t, err := c.o.Verifier.VerifyWaiting(r.Context(), raw, now)
	if c.isTraced() {
		c.trace(r, cached, t, err)
	}
	if err == nil {
		err = c.o.Verifier.CheckSite(t, c.o.Site)
	}
	if err != nil {
		return nil, source, refused(err)
	}
	return t, source, nil
}

func (c *Reader) isTraced() bool { return c.o.Traced != nil && c.o.Traced.Load() }

// trace tells the span of a request about its token.
func (c *Reader) trace(r *http.Request, cached bool, t *token.Verified, err error) {
	if err == nil {
		c.o.Trace(r, cached, t.ConfiguredIssuer())
		return
	}
	issuer, _ := token.Named(err)
	c.o.Trace(r, cached, issuer)
}

// Check returns why a verified token is refused: it is revoked, or the gate cannot tell
// whether it is. It asks no store and does not allocate.
func (c *Reader) Check(t *token.Verified, now time.Time) *reply.Denial {
	return c.Deny(t, c.o.Hub.Check(&t.Keys, now), now)
}

// Deny is DenyVerdict for what a check of a verified token found. It also logs that the user of
// the token is locked out (NoteRefusal). It does not allocate.
func (c *Reader) Deny(t *token.Verified, verdict replica.Verdict, now time.Time) *reply.Denial {
	deny := DenyVerdict(verdict)
	if deny != nil {
		NoteRefusal(c.o.Hub, c.o.Logger, t, verdict, now)
	}
	return deny
}

// Note remembers the session of an admitted token, once in a while. It does not wait for the
// store.
func (c *Reader) Note(t *token.Verified, now time.Time) {
	second := now.Unix()
	if t.Session == "" || !sessions.Due(t.Noted.Load(), second) {
		return
	}
	// Attack: obtain a token whose session claim is the id of a victim's login, so that this
	// gate takes its subject for the owner, who may end it.
	if _, isLogin := store.ParseLoginID(t.SessionID); isLogin {
		return
	}
	if c.o.Hub.Note(&t.Keys, store.Session{Issuer: t.Issuer, ID: t.Session, Subject: t.Subject, LastSeen: second}) {
		t.Noted.Store(second)
	}
}
