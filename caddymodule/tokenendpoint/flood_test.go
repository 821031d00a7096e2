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
	most := 2 + int(time.Since(began)/time.Second)
	if n := strings.Count(log.String(), "could not be looked up"); n == 0 || n > most {
		t.Errorf("%d lines for %d requests, want 1 to %d", n, requests, most)
	}
}
