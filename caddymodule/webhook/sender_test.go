package webhook_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/webhook"
)

const secret = "0123456789-secret-of-the-webhook-0123456789"

// receiver is a transport that answers in the place of a receiver.
type receiver struct {
	mu     sync.Mutex
	answer func(*http.Request) (status int, fields http.Header, err error)
	got    []delivery
	tries  []time.Time
}

type delivery struct {
	request *http.Request
	body    []byte
}

func (r *receiver) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.tries = append(r.tries, time.Now())
	answer := r.answer
	r.mu.Unlock()
	status, fields := http.StatusNoContent, http.Header(nil)
	if answer != nil {
		if status, fields, err = answer(request); err != nil {
			return nil, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if status/100 == 2 {
		r.got = append(r.got, delivery{request, body})
	}
	return &http.Response{StatusCode: status, Header: fields, Body: http.NoBody, Request: request}, nil
}

func (r *receiver) answers(answer func(*http.Request) (int, http.Header, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// status returns an answer with this status.
func status(code int) func(*http.Request) (int, http.Header, error) {
	return func(*http.Request) (int, http.Header, error) { return code, nil, nil }
}

// take returns what was delivered since the last call: the keys of the revocations.
func (r *receiver) take(t *testing.T) (keys []string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.got {
		var body struct{ Data struct{ Key string } }
		if err := json.Unmarshal(d.body, &body); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, body.Data.Key)
	}
	r.got = nil
	return keys
}

func (r *receiver) count() int {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.tries)
}

type sending struct {
	*webhook.Sender
	*receiver
	log *bytes.Buffer
}

// send returns a sender to a receiver at https://siem.example.com.
func send(t *testing.T) *sending {
	t.Helper()
	s := &sending{receiver: new(receiver), log: new(bytes.Buffer)}
	s.Sender = webhook.New(webhook.Options{
		Transport: s.receiver, UserAgent: "sessiongate/test", Gate: func() string { return "a-gate" },
		Logger: slog.New(slog.NewTextHandler(s.log, nil)),
	})
	t.Cleanup(s.Close)
	s.Use(target(t, "https://siem.example.com/hook?key=canary"))
	return s
}

func target(t *testing.T, url string) *webhook.Target {
	t.Helper()
	to, err := webhook.NewTarget(url, secret)
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func revocation(key string) webhook.Revocation {
	return webhook.Revocation{Kind: "session", Key: key, Source: "endpoint", Issuer: "https://id.example.com", Took: 1500 * time.Microsecond}
}

func want(t *testing.T, got []string, keys ...string) {
	t.Helper()
	if strings.Join(got, " ") != strings.Join(keys, " ") {
		t.Errorf("the receiver has %q, want %q", got, keys)
	}
}

func says(t *testing.T, s *sending, line string, times int) {
	t.Helper()
	synctest.Wait()
	if n := strings.Count(s.log.String(), line); n != times {
		t.Errorf("the log says %q %d times, want %d:\n%s", line, n, times, s.log)
	}
}

func TestAMessageIsSignedJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := send(t)
		r := revocation("1a2b3c4d")
		r.Reason, r.Subject = "lost laptop", "alice"
		s.Send(r)
		synctest.Wait()
		if len(s.got) != 1 {
			t.Fatalf("%d deliveries, want 1", len(s.got))
		}
		request, body := s.got[0].request, s.got[0].body
		id, timestamp := request.Header.Get("webhook-id"), request.Header.Get("webhook-timestamp")
		wantBody := `{"version":1,"type":"session_gate.revoked","id":"` + id + `","timestamp":"2000-01-01T00:00:00.000Z",` +
			`"data":{"kind":"session","key":"1a2b3c4d","source":"endpoint","issuer":"https://id.example.com","subject":"alice",` +
			`"reason":"lost laptop","gate":"a-gate","took_seconds":0.0015}}`
		if string(body) != wantBody {
			t.Errorf("body\n%s\nwant\n%s", body, wantBody)
		}
		if timestamp != "946684800" || strings.Contains(id, ".") || len(id) < 20 {
			t.Errorf("id %q, timestamp %q", id, timestamp)
		}
		mac := hmac.New(sha256.New, []byte(secret))
		_, _ = mac.Write([]byte(id + "." + timestamp + "." + string(body)))
		if got, want := request.Header.Get("webhook-signature"), "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)); got != want {
			t.Errorf("signature %q, want %q", got, want)
		}
		for field, want := range map[string]string{"Content-Type": "application/json", "User-Agent": "sessiongate/test"} {
			if got := request.Header.Get(field); got != want || request.Method != http.MethodPost {
				t.Errorf("%s with %s %q, want %q", request.Method, field, got, want)
			}
		}
	})
}

// Fault: the receiver is away for hours. It gets everything, in order, and is not called more
// than once a minute or so. Each message keeps its id.
func TestAReceiverThatIsAwayGetsEverythingLater(t *testing.T) {
	for name, answer := range map[string]func(*http.Request) (int, http.Header, error){
		"unreachable": func(*http.Request) (int, http.Header, error) { return 0, nil, errors.New("connection refused") },
		"failing":     status(http.StatusInternalServerError),
		"hanging": func(r *http.Request) (int, http.Header, error) {
			<-r.Context().Done()
			return 0, nil, r.Context().Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := send(t)
				var ids []string
				s.answers(func(r *http.Request) (int, http.Header, error) {
					ids = append(ids, r.Header.Get("webhook-id"))
					return answer(r)
				})
				for _, key := range []string{"a", "b", "c"} {
					s.Send(revocation(key))
				}
				time.Sleep(5 * time.Second)
				if n := s.count(); name != "hanging" && n < 3 {
					t.Errorf("%d tries in the first seconds, want 3 or more", n)
				}
				time.Sleep(2 * time.Hour)
				if n := s.count(); n < 80 || n > 260 {
					t.Errorf("%d tries in two hours", n)
				}
				s.answers(nil)
				time.Sleep(2 * time.Minute)
				want(t, s.take(t), "a", "b", "c")
				if first, last := ids[0], ids[len(ids)-1]; first != last || first == "" {
					t.Errorf("ids %q and %q of one message", first, last)
				}
				says(t, s, "telling the receiver of the webhook of a revocation failed; the gate retries", 1)
				says(t, s, "the receiver of the webhook accepts messages again", 1)
				says(t, s, "canary", 0)
			})
		})
	}
}

// The receiver says when it wants to be called again, but cannot silence the gate for long.
func TestRetryAfterIsRespected(t *testing.T) {
	for value, least := range map[string]time.Duration{
		"120": 2 * time.Minute, "86400": 15 * time.Minute, "Sat, 01 Jan 2000 00:05:00 GMT": 5 * time.Minute, "soon": 0, "-1": 0,
	} {
		for _, code := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
			synctest.Test(t, func(t *testing.T) {
				s := send(t)
				s.answers(func(*http.Request) (int, http.Header, error) { return code, http.Header{"Retry-After": {value}}, nil })
				s.Send(revocation("a"))
				synctest.Wait()
				s.answers(nil)
				time.Sleep(24 * time.Hour)
				if n := s.count(); n != 2 {
					t.Fatalf("%d tries, want 2", n)
				}
				if pause := s.tries[1].Sub(s.tries[0]); pause < least || pause > least+time.Second {
					t.Errorf("Retry-After %q: the next try came after %v, want %v", value, pause, least)
				}
			})
		}
	}
}

// Fault: the receiver refuses one message, for whatever reason. The others do not wait for it,
// and the log has one warning.
func TestARefusedMessageHoldsUpNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := send(t)
		refused := ""
		s.answers(func(r *http.Request) (int, http.Header, error) {
			if refused == "" {
				refused = r.Header.Get("webhook-id")
			}
			if r.Header.Get("webhook-id") == refused {
				return http.StatusBadRequest, nil, nil
			}
			return http.StatusOK, nil, nil
		})
		s.Send(revocation("refused"))
		for _, key := range []string{"a", "b"} {
			s.Send(revocation(key))
			time.Sleep(time.Hour)
		}
		want(t, s.take(t), "a", "b")
		says(t, s, "level=WARN", 1)
		if n := s.count(); n < 100 || n > 300 {
			t.Errorf("%d tries in two hours", n)
		}
		time.Sleep(23 * time.Hour)
		says(t, s, "dropped=1 reason=\"it was retried for a day\"", 1)
		before := s.count()
		time.Sleep(time.Hour)
		if n := s.count(); n != before {
			t.Errorf("%d tries after a day", n-before)
		}
	})
}
