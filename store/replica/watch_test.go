package replica_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/logtest"
)

// message finds the level and the text of a line, and how long it says that something lasted.
var message = regexp.MustCompile(`(?m)level=(\w+) msg="(this gate (?:refuses|admits|knows)[^"]*)"(?: after=(\w+))?`)

// told returns the lines about what a gate admits, and empties the log.
func told(log *logtest.Text) (lines []string) {
	for _, found := range message.FindAllStringSubmatch(log.Take(), -1) {
		lines = append(lines, strings.Join(found[1:], " "))
	}
	return lines
}

// Fault: the password of Redis is wrong when the gate starts. The log had one line, and then nothing
// for as long as nobody could get in.
func TestAGateThatNeverSyncsIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(logtest.Text)
		shared := &faulty{Fleet: shared()}
		shared.fail(errAway)
		r := start(t, shared, replica.Options{Lease: lease, Logger: textLogger(log)})
		time.Sleep(59 * time.Second)
		if got := told(log); len(got) > 0 {
			t.Errorf("logged %q within a minute of the start", got)
		}
		time.Sleep(2*time.Minute + 30*time.Second)
		const refuses = "WARN this gate refuses requests: since it started, it could not read all revocations "
		if got, want := told(log), []string{refuses + "0s", refuses + "1m0s", refuses + "2m0s"}; !slices.Equal(got, want) {
			t.Errorf("logged %q, want %q", got, want)
		}
		shared.fail(nil)
		<-r.Synced()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got, want := told(log), []string{again + "2m36s"}; !slices.Equal(got, want) {
			t.Errorf("logged %q, want %q", got, want)
		}
		if n := r.Status().DegradedSeconds; n != 0 {
			t.Errorf("counted %d seconds before the first sync", n)
		}
	})
}

const (
	expired = "WARN this gate refuses requests: its lease has expired "
	bySet   = "WARN this gate admits requests by an old set: it does not know the latest revocations of other gates "
	again   = "INFO this gate admits requests again "
	fresh   = "INFO this gate knows the latest revocations again "
)

// An outage has a line at its beginning and at its end, and one in each minute between, so that
// a log is not full of it, and does not forget it. Every second of it is counted.
func TestAnOutageHasABeginningAndAnEnd(t *testing.T) {
	for name, c := range map[string]struct {
		staleness time.Duration
		want      []string
	}{
		"deny":  {0, []string{expired + "0s", expired + "1m0s", expired + "2m0s", again + "2m10s"}},
		"allow": {time.Hour, []string{bySet + "0s", bySet + "1m0s", bySet + "2m0s", fresh + "2m10s"}},
		"allow for less than it lasts": {
			90*time.Second + lease, []string{bySet + "0s", bySet + "1m0s", expired + "0s", again + "40s"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := new(logtest.Text)
				shared := &faulty{Fleet: shared()}
				r := start(t, shared, replica.Options{Lease: lease, MaxStaleness: c.staleness, Logger: textLogger(log)})
				<-r.Synced()
				time.Sleep(10 * time.Second)
				if n := r.Status().DegradedSeconds; n != 0 || len(told(log)) > 0 {
					t.Errorf("counted %d seconds without an outage", n)
				}
				shared.fail(errAway)
				time.Sleep(lease + 2*time.Minute + 10*time.Second)
				status := r.Status()
				if n := status.DegradedSeconds; n < 130 || n > 131 {
					t.Errorf("counted %d of 130 seconds", n)
				}
				if !status.Degraded || status.Err == nil {
					t.Errorf("the status is %+v", status)
				}
				shared.fail(nil)
				time.Sleep(lease)
				synctest.Wait()
				if got := told(log); !slices.Equal(got, c.want) {
					t.Errorf("logged\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
				}
				if status := r.Status(); status.Degraded || status.Err != nil {
					t.Errorf("after the outage, the status is %+v", status)
				}
				time.Sleep(time.Hour)
				if got := told(log); len(got) > 0 {
					t.Errorf("later: %q", got)
				}
			})
		})
	}
}

// An outage makes reads and heartbeats fail. The log says once that it begins, and once that it is
// over: two lines look like two outages.
func TestAnOutageOfTheStoreIsOneLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(logtest.Text)
		shared := &faulty{Fleet: shared()}
		<-start(t, shared, replica.Options{Lease: lease, Logger: textLogger(log)}).Synced()
		for outages := 1; outages <= 2; outages++ {
			shared.fail(errAway)
			time.Sleep(time.Minute)
			shared.fail(nil)
			time.Sleep(lease)
			synctest.Wait()
			text := log.String()
			for _, line := range []string{"the store does not answer", "the store answers again"} {
				if n := strings.Count(text, line); n != outages {
					t.Errorf("after outage %d the log says %d times: %s", outages, n, line)
				}
			}
		}
	})
}
