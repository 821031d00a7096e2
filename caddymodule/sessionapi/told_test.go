package sessionapi

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/caller/callertest"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// An operator asks afterwards who was logged out: the user of the session, who may be another
// than the caller.
func TestARevocationNamesTheUserWhoseSessionEnds(t *testing.T) {
	inAPI(t, Options{AdminScope: "sessions:revoke"}, func(t *testing.T, g *apiTest) {
		admin := g.Mint(t, map[string]any{"sub": "root", "sid": "root", "jti": "root", "scope": "sessions:revoke"})
		for _, token := range []string{g.Of(t, "first"), g.Of(t, "second"), g.Of(t, "third"), admin} {
			g.Get(t, "/", token).Want(t, http.StatusOK, "")
		}
		g.end(t, g.Of(t, "first"), `{"session_id":"second"}`).Want(t, http.StatusOK, "second")
		g.end(t, admin, `{"session_id":"third"}`).Want(t, http.StatusOK, "third")
		g.end(t, g.Of(t, "first"), "").Want(t, http.StatusOK, "success")
		g.delete(t, sessionsPath, admin).Want(t, http.StatusOK, "success")
		everywhere, _ := g.Events.Outcomes()
		var subjects []string
		for _, o := range everywhere {
			subjects = append(subjects, o.Subject)
		}
		if want := []string{"alice", "alice", "alice", "root"}; !slices.Equal(subjects, want) {
			t.Errorf("ended are sessions of %q, want %q", subjects, want)
		}
	})
}

// A log tells who was answered, and who was refused. A caller without a good token has no name.
func TestAnswersTellWhoIsAnswered(t *testing.T) {
	var told []string
	o := Options{Answered: func(_ *http.Request, subject string) { told = append(told, "answered "+subject) }}
	inAPI(t, o, func(t *testing.T, g *apiTest) {
		g.API.o.Refuse = func(w http.ResponseWriter, r *http.Request, deny *reply.Denial) error {
			told = append(told, fmt.Sprintf("refused %s of %s", deny.Detail.Subject, deny.Detail.Issuer))
			return callertest.Refuse(w, r, deny)
		}
		raw, alice, nobody := g.Of(t, "s"), "refused alice of "+tokentest.Issuer, "refused  of "
		preflight := callertest.Fields(callertest.Request(http.MethodOptions, sessionPath, "", ""),
			"Origin", "https://app.example.com", "Access-Control-Request-Method", http.MethodDelete)
		for _, c := range []struct {
			do   func() callertest.Answer
			want string
		}{
			{func() callertest.Answer { return g.Serve(t, preflight) }, "answered "},
			{func() callertest.Answer { return g.Get(t, sessionsPath, raw) }, "answered alice"},
			{func() callertest.Answer { return g.Get(t, sessionsPath+"?limit=x", raw) }, alice},
			{func() callertest.Answer { return g.Get(t, sessionsPath, "") }, nobody},
			{func() callertest.Answer { return g.end(t, raw, `{"session_id":"unknown"}`) }, alice},
			{func() callertest.Answer { return g.end(t, raw, `{`) }, alice},
			{func() callertest.Answer { return g.end(t, raw+"x", "") }, "refused  of " + tokentest.Issuer},
			{func() callertest.Answer { return g.delete(t, sessionsPath+"?x", raw) }, alice},
			{func() callertest.Answer { return g.end(t, raw, "") }, "answered alice"},
			{func() callertest.Answer { return g.end(t, raw, "") }, alice},
			{func() callertest.Answer { return g.delete(t, sessionsPath, raw) }, alice},
			{func() callertest.Answer { return g.delete(t, sessionsPath, g.Of(t, "next")) }, "answered alice"},
		} {
			told = nil
			if a := c.do(); len(told) != 1 || told[0] != c.want {
				t.Errorf("answered %d %s, and told %q, want %q", a.Code, a.Body, told, c.want)
			}
		}
	})
}
