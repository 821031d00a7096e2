package tokenendpoint

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Attack: fill the log while the store is away. Anybody may send refresh tokens to a token
// endpoint, and clients repeat theirs.
func TestAnOutageDoesNotFillTheLog(t *testing.T) {
	var log bytes.Buffer
	g := newGrantTest(t, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	g.Store.On("Known", func() error { return errors.New("no answer") })
	const requests = 200
	began := time.Now()
	for i := range requests {
		g.Send(t, http.MethodPost, tokenPath, formMedia, fmt.Sprintf("grant_type=refresh_token&refresh_token=r%d", i)).
			Want(t, http.StatusServiceUnavailable, "temporarily_unavailable")
	}
	checkLines(t, &log, "could not be looked up", requests, began)
}

// Attack: fill the log of a gate whose upstream answers every path with a page. A query is
// enough to reach it.
func TestAnswersThatCannotBeCheckedDoNotFillTheLog(t *testing.T) {
	var log bytes.Buffer
	g := newGrantTest(t, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	g.Answers(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!doctype html><p>Sign in"))
	})
	const requests = 200
	began := time.Now()
	for i := range requests {
		g.Send(t, http.MethodGet, fmt.Sprint(tokenPath, "?x=", i), "", "").Want(t, http.StatusBadGateway, "server_error")
	}
	checkLines(t, &log, "was withheld", requests, began)
}

// checkLines wants one line with this text for each second.
func checkLines(t *testing.T, log *bytes.Buffer, text string, requests int, began time.Time) {
	t.Helper()
	most := 2 + int(time.Since(began)/time.Second)
	if n := strings.Count(log.String(), text); n == 0 || n > most {
		t.Errorf("%d lines for %d requests, want 1 to %d", n, requests, most)
	}
}
