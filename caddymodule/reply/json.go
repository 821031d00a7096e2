package reply

import (
	"encoding/json"
	"net/http"
)

// JSON writes a value as a JSON answer that caches must not store. If the value cannot be
// encoded, it writes nothing and returns the error. A client that has gone is no error.
func JSON(w http.ResponseWriter, status int, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	write(w, status, body)
	return nil
}

func write(w http.ResponseWriter, status int, body []byte) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	// The client may have gone; then nobody needs the error.
	_, _ = w.Write(body)
}
