package faults

import (
	"fmt"
	"sync"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// Fault: the process is killed, by the kernel or by an operator, right after it answered
// 200. It must not forget a confirmed revocation.
func TestKilledGateForgetsNoRevocation(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{})
	live := g.Token(harness.Session("lives on"))
	harness.See(t, g, live)
	const rounds, sessions = 5, 50
	var ended []string
	for round := range rounds {
		tokens := make([]string, sessions)
		for i := range tokens {
			tokens[i] = g.Token(harness.Session(fmt.Sprintf("session %d of round %d", i, round)))
		}
		harness.See(t, g, tokens[0], tokens[sessions-1])
		for _, err := range endAll(g, tokens) {
			t.Error(err)
		}
		g.Kill() // the client has just read the last 200
		ended = append(ended, tokens...)
		g.Restart()
		for i, token := range ended {
			if got := harness.Get(t, g, token); got.Status != 401 {
				t.Errorf("after kill %d, session %d of %d: answered %d %s", round+1, i, len(ended), got.Status, got.Body)
			}
		}
		for _, token := range tokens {
			answers.NoSession.Check(t, harness.End(t, g, token))
		}
		harness.CheckAdmitted(t, harness.Get(t, g, live))
		harness.CheckAdmitted(t, harness.Get(t, g, g.Token(harness.Session(fmt.Sprint("new after round ", round)))))
	}
}

// endAll ends the sessions of all tokens by several clients at a time, so that commits are
// shared. It returns the failed calls.
func endAll(g *harness.Gate, tokens []string) (failed []error) {
	const clients = 5
	var wait sync.WaitGroup
	var mu sync.Mutex
	for first := range clients {
		wait.Go(func() {
			for i := first; i < len(tokens); i += clients {
				answer, err := g.Try("DELETE", harness.Endpoint, harness.Bearer(tokens[i]))
				if err == nil && answer.Status != 200 {
					err = fmt.Errorf("ending session %d: answered %d %s", i, answer.Status, answer.Body)
				}
				if err != nil {
					mu.Lock()
					failed = append(failed, err)
					mu.Unlock()
				}
			}
		})
	}
	wait.Wait()
	return failed
}
