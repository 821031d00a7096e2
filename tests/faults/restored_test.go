package faults

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/operating"
)

// Attack, and accident: an older copy of the file is put back, so that sessions that were
// revoked since are valid again. Tokens from before are refused, whether revoked or not,
// and users log in again.
func TestAnOlderCopyRevivesNothing(t *testing.T) {
	t.Parallel()
	for name, restore := range map[string]func(t *testing.T, s *soundStore, copied, marker []byte){
		"the file alone": func(t *testing.T, s *soundStore, copied, _ []byte) {
			s.write(t, copied)
		},
		"the file without its marker": func(t *testing.T, s *soundStore, copied, _ []byte) {
			s.write(t, copied)
			if err := os.Remove(s.path + ".init"); err != nil {
				t.Fatal(err)
			}
		},
		"both, as the operator says": func(t *testing.T, s *soundStore, copied, marker []byte) {
			s.write(t, copied)
			if err := os.WriteFile(s.path+".init", marker, 0o600); err != nil {
				t.Fatal(err)
			}
			printed, code := operating.Run(t, s.gate, "repair", "--file", s.path, "--restored")
			if code != 0 || !strings.Contains(printed, "refuses all tokens issued until it starts") {
				t.Errorf("it exits with %d and prints\n%s", code, printed)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := makeSoundStore(t)
			copied := s.content
			marker, err := os.ReadFile(s.path + ".init")
			if err != nil {
				t.Fatal(err)
			}
			g := s.startWith(t, "leeway 1s")
			revoked, live := g.Token(harness.Session("revoked after the copy")), g.Token(harness.Session("never revoked"))
			harness.See(t, g, live)
			answers.Invalidated.Check(t, harness.End(t, g, revoked))
			g.Stop()
			restore(t, s, copied, marker)

			g = s.startWith(t, "leeway 1s")
			for _, token := range []string{s.revoked, revoked, live} {
				answers.BadToken.Check(t, harness.Get(t, g, token))
			}
			if !strings.Contains(g.Logs(), "users have to log in again") {
				t.Errorf("the log says\n%s", g.Logs())
			}
			fresh := harness.LogIn(t, g, "fresh")
			answers.Invalidated.Check(t, harness.End(t, g, fresh))
			answers.BadToken.Check(t, harness.Get(t, g, fresh))
			again := harness.LogIn(t, g, "again")
			g.Restart()
			harness.See(t, g, again) // a restart is no loss
			answers.BadToken.Check(t, harness.Get(t, g, revoked))
		})
	}
}

// Fault: kill -9 during DELETEs must not look like a loss, which would log everybody out.
func TestAKillRaisesNoFloor(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{})
	live := g.Token(harness.Session("lives on"))
	harness.See(t, g, live)
	var confirmed []string
	for round := range 8 {
		var mu sync.Mutex
		var group sync.WaitGroup
		some := make(chan struct{}, 1000)
		for client := range 4 {
			group.Go(func() {
				for n := 0; ; n++ {
					token := g.Token(harness.Session(fmt.Sprintf("%d of client %d in round %d", n, client, round)))
					answer, err := g.Try("DELETE", harness.Endpoint, harness.Bearer(token))
					if err != nil {
						return
					}
					if answer.Status != 200 {
						t.Errorf("answered %d %s", answer.Status, answer.Body)
						return
					}
					mu.Lock()
					confirmed = append(confirmed, token)
					mu.Unlock()
					select {
					case some <- struct{}{}:
					default:
					}
				}
			})
		}
		for range 1 + round*7 {
			<-some
		}
		g.Kill() // while some are running
		group.Wait()
		g.Restart()
		harness.CheckAdmitted(t, harness.Get(t, g, live))
		for _, token := range confirmed {
			answers.BadToken.Check(t, harness.Get(t, g, token))
		}
	}
	if strings.Contains(g.Logs(), "log in again") {
		t.Errorf("the log says\n%s", g.Logs())
	}
}

// Attack, and accident: file and marker are both gone, as with a volume that was not
// mounted. Nothing shows the loss, so the gate logs that the store is new. An operator who
// sees that refuses older tokens.
func TestAStoreThatIsGoneIsSaidToBeNew(t *testing.T) {
	t.Parallel()
	s := makeSoundStore(t)
	for _, path := range []string{s.path, s.path + ".init"} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	g := s.startWith(t, "leeway 1s")
	for range 2 {
		if n := strings.Count(g.Logs(), "a new store was created, in which nothing is revoked"); n != 1 {
			t.Errorf("the log says %d times that the store is new, want once", n)
		}
		g.Restart()
	}
	harness.CheckAdmitted(t, harness.Get(t, g, s.revoked))
	g.Stop()
	if printed, code := operating.Run(t, g, "repair", "--file", s.path, "--restored"); code != 0 {
		t.Fatalf("repair prints\n%s", printed)
	}
	g.Restart()
	answers.BadToken.Check(t, harness.Get(t, g, s.revoked))
	harness.LogIn(t, g, "again")
}
