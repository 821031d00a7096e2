package refusals_test

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/refusals"
)

// note counts a refusal, and writes its line if it gets one.
func note(l *refusals.Log, reason, issuer string) {
	if left, ok := l.Take(reason, issuer); ok {
		l.Write(refusals.Refusal{Reason: reason, Issuer: issuer, Rule: "a rule", Subject: "alice"}, left)
	}
}

func newLog(mode refusals.Mode, issuers ...string) (*refusals.Log, *strings.Builder) {
	text := new(strings.Builder)
	return refusals.New(refusals.Options{Mode: mode, Issuers: issuers, Logger: slog.New(slog.NewTextHandler(text, nil))}), text
}

// Attack: fill the disk with refused requests. A second has one line for each reason and
// issuer, and the next line says how many it left out.
func TestAFloodHasOneLineASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, text := newLog(refusals.Sampled, "https://a", "https://b")
		for range 3 {
			for range 1000 {
				note(l, "invalid", "https://a")
			}
			note(l, "invalid", "https://b")
			note(l, "expired", "https://a")
			time.Sleep(time.Second)
		}
		got := text.String()
		if n := strings.Count(got, "\n"); n != 9 {
			t.Errorf("%d lines, want 9:\n%s", n, got)
		}
		if n := strings.Count(got, "left_out=999"); n != 2 {
			t.Errorf("%d lines say what was left out, want 2:\n%s", n, got)
		}
		text.Reset()
		time.Sleep(time.Hour)
		note(l, "invalid", "https://a")
		if got := text.String(); strings.Count(got, "left_out=999") != 1 {
			t.Errorf("the last second's are %q", got)
		}
	})
}

// Attack: fill the memory, or the log, with tokens of ever new issuers. All of them share the
// lines of a reason.
func TestUnknownIssuersShareALine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, text := newLog(refusals.Sampled, "https://a", "https://a")
		for i := range 1000 {
			note(l, "invalid", fmt.Sprintf("https://%d", i))
			note(l, fmt.Sprintf("another reason %d", i), "")
		}
		if n := strings.Count(text.String(), "\n"); n != 2 {
			t.Errorf("%d lines, want 2:\n%s", n, text)
		}
	})
}

func TestTheModes(t *testing.T) {
	for mode, want := range map[refusals.Mode]int{refusals.Off: 0, "": 0, refusals.Sampled: 1, refusals.All: 5} {
		synctest.Test(t, func(t *testing.T) {
			l, text := newLog(mode)
			for range 5 {
				note(l, "missing", "")
			}
			if n := strings.Count(text.String(), "\n"); n != want || strings.Contains(text.String(), "left_out") {
				t.Errorf("%q: %d lines, want %d:\n%s", mode, n, want, text)
			}
		})
	}
	note(nil, "missing", "")
}

// A line that nobody reads costs nothing, and its number stays in no later line.
func TestALevelAboveInfoLogsNothing(t *testing.T) {
	var text strings.Builder
	logger := slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelWarn}))
	for _, mode := range []refusals.Mode{refusals.Sampled, refusals.All} {
		l := refusals.New(refusals.Options{Mode: mode, Logger: logger})
		if _, ok := l.Take("missing", ""); ok {
			t.Errorf("%s: a line is due", mode)
		}
	}
}

// The subject is a person. Lines name it only if the operator wants that.
func TestALine(t *testing.T) {
	refused := refusals.Refusal{
		Reason: "revoked", Rule: strings.Repeat("r", 1000), Issuer: "https://a", Subject: "alice", ClientIP: "192.0.2.1",
		Method: strings.Repeat("M", 100), Path: strings.Repeat("/", 1000), RequestID: "an-id",
	}
	for subjects, want := range map[bool]string{
		true:  ` issuer=https://a user_id=alice uuid=an-id`,
		false: ` issuer=https://a uuid=an-id`,
	} {
		var text strings.Builder
		l := refusals.New(refusals.Options{
			Mode: refusals.All, Subjects: subjects,
			Logger: slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			}})),
		})
		l.Write(refused, 7)
		want = `level=INFO msg="request refused" reason=revoked rule=` + strings.Repeat("r", 512) + `…` + want + ` left_out=7 client_ip=192.0.2.1 method=` +
			strings.Repeat("M", 32) + `… path=` + strings.Repeat("/", 256) + "…\n"
		if text.String() != want {
			t.Errorf("the line is\n%s, want\n%s", text.String(), want)
		}
	}
}

// No line is lost, and none counts twice, however many requests are refused at once.
func TestConcurrentRefusalsAreCountedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := newLog(refusals.Sampled)
		var lines, left uint64
		var mu sync.Mutex
		for range 3 {
			var wait sync.WaitGroup
			for range 8 {
				wait.Go(func() {
					for range 500 {
						if leftOut, ok := l.Take("missing", ""); ok {
							mu.Lock()
							lines, left = lines+1, left+leftOut
							mu.Unlock()
						}
					}
				})
			}
			wait.Wait()
			time.Sleep(time.Second)
		}
		if leftOut, ok := l.Take("missing", ""); ok {
			lines, left = lines+1, left+leftOut
		}
		if lines != 4 || left != 3*(4000-1) {
			t.Errorf("%d lines, %d left out, want 4 and %d", lines, left, 3*(4000-1))
		}
	})
}

func BenchmarkTake(b *testing.B) {
	l, _ := newLog(refusals.Sampled, "https://a")
	b.ReportAllocs()
	for b.Loop() {
		l.Take("invalid", "https://a")
	}
}
