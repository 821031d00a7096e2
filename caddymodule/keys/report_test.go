package keys_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store/storetest/logtest"
)

// logged holds remote keys, their endpoint, and what they log.
type logged struct {
	*keys.Remote
	endpoint *tokentest.Endpoint
	log      *logtest.Text
	seen     int
}

// logging runs a test in fake time, with keys that log at the level info.
func logging(t *testing.T, first []*tokentest.Key, behave http.HandlerFunc, test func(t *testing.T, l *logged)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &logged{endpoint: tokentest.NewEndpoint(t, first...), log: new(logtest.Text)}
		l.endpoint.Behave(behave)
		l.Remote = remoteKeys(t, l.endpoint, keys.RemoteOptions{URL: keySetURL, Logger: textLogger(l.log)})
		synctest.Wait()
		test(t, l)
	})
}

var stamped = regexp.MustCompile(`(?m)^time=\S+ `)

// want fails the test unless the lines since the last call are these, each as its beginning.
func (l *logged) want(t *testing.T, when string, lines ...string) {
	t.Helper()
	synctest.Wait()
	text := stamped.ReplaceAllString(l.log.String(), "")
	got := strings.Split(strings.TrimSuffix(text[l.seen:], "\n"), "\n")
	if l.seen == len(text) {
		got = nil
	}
	l.seen = len(text)
	matches := len(got) == len(lines)
	for i := 0; matches && i < len(lines); i++ {
		matches = strings.HasPrefix(got[i], lines[i])
	}
	if !matches {
		t.Errorf("%s: logged\n%s\nwant\n%s", when, strings.Join(got, "\n"), strings.Join(lines, "\n"))
	}
}

const failure = `msg="fetching key set failed" source=` + keySetURL + ` keys=`

// Fault: a typo in the URL of a key set. Nobody gets in, so each minute an error says so. Later
// the keys are there, and an outage is only a warning.
func TestAKeySetThatWasNeverLoadedIsAnError(t *testing.T) {
	logging(t, []*tokentest.Key{tokentest.NewKey(t, "ES256", "a")}, refuseAll, func(t *testing.T, l *logged) {
		l.want(t, "at the start", "level=ERROR "+failure+"0 error=")
		time.Sleep(59 * time.Second)
		l.want(t, "within a minute")
		time.Sleep(5 * time.Minute)
		l.want(t, "in five minutes more", "level=ERROR "+failure, "level=ERROR "+failure, "level=ERROR "+failure, "level=ERROR "+failure, "level=ERROR "+failure)
		l.endpoint.Behave(nil)
		time.Sleep(30 * time.Second)
		l.want(t, "the keys are there", `level=INFO msg="loaded key set" source=`+keySetURL+` keys=1 kids=a`)
		time.Sleep(time.Hour)
		l.want(t, "nothing changes")

		l.endpoint.Behave(refuseAll)
		time.Sleep(time.Hour)
		l.want(t, "an outage", "level=WARN "+failure+"1 error=")
		l.endpoint.Behave(nil)
		time.Sleep(30 * time.Second)
		l.want(t, "the end of the outage", `level=INFO msg="the key set can be fetched again" source=`+keySetURL+` keys=1 after=1h`)
	})
}

// An issuer changes its keys. The log says which came and which went.
func TestAChangeOfKeysIsLogged(t *testing.T) {
	a, b, c := tokentest.NewKey(t, "ES256", "a"), tokentest.NewKey(t, "ES256", "b"), tokentest.NewKey(t, "ES256", "c")
	replaced, unnamed := tokentest.NewKey(t, "ES256", "b"), tokentest.NewKey(t, "ES256", "")
	logging(t, []*tokentest.Key{a, b}, nil, func(t *testing.T, l *logged) {
		l.want(t, "at the start", `level=INFO msg="loaded key set" source=`+keySetURL+` keys=2 kids="a, b"`)
		change := func(when, want string, next ...*tokentest.Key) {
			t.Helper()
			l.endpoint.Publish(t, next...)
			time.Sleep(10 * time.Minute)
			if want != "" {
				want = `level=INFO msg="the key set has changed" source=` + keySetURL + " " + want
				l.want(t, when, want)
				return
			}
			l.want(t, when)
		}
		change("another order", "", b, a)
		change("one more", `keys=3 added=c removed=""`, a, b, c)
		change("one less", `keys=2 added="" removed=a`, b, c)
		change("replaced under its name", `keys=2 added=b removed=b`, replaced, c)
		change("without a name", `keys=1 added="(without kid)" removed="b, c"`, unnamed)

		// After an outage, both lines come.
		l.endpoint.Behave(refuseAll)
		time.Sleep(10 * time.Minute)
		l.want(t, "an outage", "level=WARN "+failure)
		l.endpoint.Behave(nil)
		l.endpoint.Publish(t, a)
		time.Sleep(time.Minute)
		l.want(t, "its end", `level=INFO msg="the key set has changed"`, `level=INFO msg="the key set can be fetched again"`)
	})
}

// Fault: the last good keys have lapsed. When the keys are back, the log says so.
func TestTheReturnOfLapsedKeysIsLogged(t *testing.T) {
	logging(t, []*tokentest.Key{tokentest.NewKey(t, "ES256", "a")}, nil, func(t *testing.T, l *logged) {
		l.endpoint.Behave(refuseAll)
		time.Sleep(25 * time.Hour)
		l.want(t, "after a day", `level=INFO msg="loaded key set"`, "level=WARN "+failure, `level=WARN msg="key set not confirmed for long`, `level=ERROR msg="key set not confirmed for too long`)
		l.endpoint.Behave(nil)
		time.Sleep(time.Minute)
		l.want(t, "back", `level=INFO msg="the key set can be fetched again" source=`+keySetURL+` keys=1 after=25h`)
	})
}

// Attack: an issuer publishes a hundred keys with long names, and changes all of them each time,
// or writes control characters into a name.
func TestALineAboutAChangeIsBounded(t *testing.T) {
	many := func(of string) (all []*tokentest.Key) {
		for i := range 100 {
			all = append(all, tokentest.NewKey(t, "EdDSA", fmt.Sprintf("%s\x1b[2J%d%s", of, i, strings.Repeat("x", 900))))
		}
		return all
	}
	logging(t, many("a"), nil, func(t *testing.T, l *logged) {
		l.endpoint.Publish(t, many("b")...)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		text := l.log.String()
		if lines := strings.Count(text, "\n"); lines != 2 || strings.Contains(text, "\x1b") || len(text) > 4000 {
			t.Errorf("%d lines of %d bytes were logged: %.5000s", lines, len(text), text)
		}
		if strings.Count(text, "and 92 more") != 3 {
			t.Errorf("logged %s", text)
		}
	})
}
