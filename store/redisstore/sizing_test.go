package redisstore_test

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/store/replica"
)

// sized is what docs/redis.md says of one thing, or what a server did for it: bytes of
// memory, commands, and bytes received and sent.
type sized map[string]float64

// sizes returns the table of sizes in docs/redis.md, by the first cell of each row. Its
// columns are memory, commands, received and sent; an empty cell is not there.
func sizes(t *testing.T) map[string]sized {
	t.Helper()
	text, err := os.ReadFile(redisPage)
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), " | memory, bytes | commands | received, bytes | sent, bytes |\n")
	table, _, ended := strings.Cut(table, "\n\n")
	if !found || !ended {
		t.Fatal("the page has no table of sizes")
	}
	rows := make(map[string]sized)
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 6 {
			t.Fatalf("%q has too few cells", line)
		}
		row := make(sized)
		for i, column := range []string{"memory", "commands", "received", "sent"} {
			if n, err := strconv.ParseFloat(strings.ReplaceAll(strings.TrimSpace(cells[i+2]), ",", ""), 64); err == nil {
				row[column] = n
			}
		}
		rows[strings.TrimSpace(cells[1])] = row
	}
	return rows
}

// as fails the test unless the page says of a thing what was measured. Memory depends on
// the version of Redis. More may be measured by a factor, if slow gates make more calls.
func (s sized) as(t *testing.T, thing string, said map[string]sized, more float64) {
	t.Helper()
	t.Logf("%s: %v", thing, s)
	row, found := said[thing]
	if !found || len(row) != len(s) {
		t.Errorf("the page says %v of %q, want each of %v", row, thing, s)
	}
	for what, measured := range s {
		if says := row[what]; measured > says*1.2*more+2 || measured < says*0.6-2 {
			t.Errorf("%s takes %.1f %s, and the page says %v", thing, measured, what, says)
		}
	}
}

var receivedBy = regexp.MustCompile(`total_net_input_bytes:(\d+)`)

// spent returns what a server did for one of n calls.
func spent(t *testing.T, server *redistest.Server, n int, calls func()) sized {
	t.Helper()
	received := 0
	c := costOf(t, server, func() {
		calls()
		received, _ = strconv.Atoi(receivedBy.FindStringSubmatch(server.Do("INFO", "stats").(string))[1])
	})
	each := func(of int) float64 { return float64(of) / float64(n) }
	return sized{"commands": each(c.commands), "received": each(received), "sent": each(c.bytes)}
}

// grown returns what a server allocated for one of n things, and what else it did.
func grown(t *testing.T, server *redistest.Server, n int, calls func()) sized {
	t.Helper()
	before := usedMemory(t, server)
	s := spent(t, server, n, calls)
	s["memory"] = float64(usedMemory(t, server)-before) / float64(n)
	return s
}

// This test measures the table of sizes in docs/redis.md at a real server. Counts of
// commands and bytes do not depend on the machine. Run it with -v to see the figures.
func TestSizesOfTheRedisPage(t *testing.T) {
	said := sizes(t)
	const many = 20_000

	server := redistest.Start(t)
	s := openAt(t, server)
	first := mustAppend(t, s, "one")
	before := usedMemory(t, server)
	fill(t, server, first, many)
	sized{"memory": float64(usedMemory(t, server)-before) / many}.as(t, "a revocation that is kept", said, 1)

	server.Do("FLUSHALL")
	grown(t, server, many, func() {
		for next := 0; next < many; {
			var sessions []store.Session
			for range 100 {
				name := fmt.Sprintf("%036d", next)
				sessions = append(sessions, sessionOf(name, name, int64(next)))
				next++
			}
			mustSee(t, s, sessions...)
		}
	}).as(t, "a session that was seen", said, 1)

	for thing, access := range map[string]bool{"a refresh token that was learned": false, "an access token that was learned": true} {
		server.Do("FLUSHALL")
		grown(t, server, many/10, func() {
			for n := range many / 10 {
				g := grantOf(fmt.Sprint("token", n), fmt.Sprint("login", n))
				g.Access, g.Subject, g.Issuer, g.AuthTime = access, g.Token, g.Families[0], time.Now().Unix()
				if err := s.Learn(t.Context(), g); err != nil {
					t.Fatal(err)
				}
			}
		}).as(t, thing, said, 1)
	}
}

// fleetOf starts gates with a lease, and waits until all of them admit.
func fleetOf(t *testing.T, server *redistest.Server, gates int, lease time.Duration) (fleet []*replica.Replica) {
	t.Helper()
	for range gates {
		fleet = append(fleet, startGate(t, server, lease))
	}
	eventually(t, "the fleet to settle", func() error {
		for _, gate := range fleet {
			if st := gate.Status(); st.Fenced || st.Gates != gates || server.Do("HGET", headKey, "state") != "settled" {
				return fmt.Errorf("a gate is in %+v", st)
			}
		}
		return nil
	})
	return fleet
}

// This test measures what gates make Redis do. Each sends four heartbeats a lease.
func TestIdleGatesOfTheRedisPage(t *testing.T) {
	said := sizes(t)
	server := redistest.Start(t)
	const gates = 10
	before := usedMemory(t, server)
	fleetOf(t, server, gates, 400*time.Millisecond)
	memory, beats := float64(usedMemory(t, server)-before)/gates, 0
	s := spent(t, server, 1, func() {
		eventually(t, "heartbeats", func() error {
			if beats = runsOf(t, server, "evalsha"); beats < 400 {
				return errors.New("too few")
			}
			return nil
		})
	})
	for what := range s {
		s[what] *= 4 / float64(beats)
	}
	s["memory"] = memory
	s.as(t, "an idle gate, for each lease", said, 1.5)
}

// This test measures what a revocation makes Redis do, for all gates of a fleet together.
// The lease is a minute, so that heartbeats on time do not count.
func TestRevocationsOfTheRedisPage(t *testing.T) {
	said := sizes(t)
	const revocations = 20
	for thing, gates := range map[string]int{"a revocation at one gate": 1, "a revocation with ten gates": 10} {
		server := redistest.Start(t)
		fleet := fleetOf(t, server, gates, 400*time.Millisecond)
		if err := fleet[0].SetLease(t.Context(), time.Minute); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the lease to be a minute everywhere", func() error {
			for _, gate := range fleet {
				if st := gate.Status(); st.Lease != time.Minute {
					return fmt.Errorf("it is %v", st.Lease)
				}
			}
			return nil
		})
		spent(t, server, revocations, func() {
			for n := range revocations {
				if err := fleet[n%gates].Revoke(t.Context(), revocation(fmt.Sprint(n))); err != nil {
					t.Fatal(err)
				}
			}
		}).as(t, thing, said, 2)
	}
}
