package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	// tryTimeout is how long the receiver may take to answer.
	tryTimeout = 15 * time.Second
	// maxAnswer bounds what is read of an answer, so that its connection can be used again.
	maxAnswer = 64 << 10
)

// refusal is an answer other than 2xx.
type refusal struct {
	status int
	// after is what Retry-After asks for, or zero.
	after time.Duration
}

func (r *refusal) Error() string {
	return fmt.Sprintf("the receiver answered %d %s", r.status, http.StatusText(r.status))
}

// ofMessage reports whether the receiver may take another message sooner than this one.
func (r *refusal) ofMessage() bool {
	return r.status < http.StatusInternalServerError && r.status != http.StatusTooManyRequests && r.status != http.StatusRequestTimeout
}

// newClient returns a client that follows no redirect.
//
// Attack: the receiver's host is taken over for a moment, and redirects to a service of this
// machine that trusts it. An operator who moves the receiver changes the URL.
func newClient(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       tryTimeout,
	}
}

// post tries to deliver a message once. An error holds neither the URL nor the answer's body.
func (s *Sender) post(ctx context.Context, t *Target, m *message) error {
	body, err := m.body(s.options.Gate())
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return withoutURL(err)
	}
	now := time.Now()
	timestamp := strconv.FormatInt(now.Unix(), 10)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", s.options.UserAgent)
	request.Header.Set("webhook-id", m.id)
	request.Header.Set("webhook-timestamp", timestamp)
	request.Header.Set("webhook-signature", t.sign(m.id, timestamp, body))
	response, err := s.client.Do(request)
	if err != nil {
		// The next try resolves the host again, and does not use a connection that is dead.
		s.client.CloseIdleConnections()
		return withoutURL(err)
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.CopyN(io.Discard, response.Body, maxAnswer) // the status is the answer
	if response.StatusCode/100 != 2 {
		return &refusal{response.StatusCode, retryAfter(response.Header, now)}
	}
	return nil
}

// withoutURL removes the URL from an error of net/http.
//
// Attack: some receivers are told by a secret in their URL. Logs are read by more people than
// the configuration is.
func withoutURL(err error) error {
	var whole *url.Error
	if errors.As(err, &whole) {
		return whole.Err
	}
	return err
}

// retryAfter reads the field Retry-After: seconds or a date (RFC 9110 §10.2.3).
func retryAfter(fields http.Header, now time.Time) time.Duration {
	value := fields.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(0, date.Sub(now))
	}
	return 0
}
