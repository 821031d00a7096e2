package webhook

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"
)

// Revocation is a revocation that holds everywhere.
type Revocation struct {
	// Kind is session, token, subject or issuer. Key is the prefix of a hash, as in logs.
	Kind, Key string
	// Source is the way by which the revocation was asked for, such as endpoint. Issuer is
	// the exact `iss`. Reason is the operator's, or "".
	Source, Issuer, Reason string
	// Subject is the `sub` of the user, or "" if it is not known or nobody may know it.
	Subject string
	// Took is the time from the call until the revocation held everywhere.
	Took time.Duration
}

// version is the version of the body. New members do not change it.
const version = 1

// message is a revocation that waits to be sent.
type message struct {
	Revocation
	id   string    // the same in every try
	held time.Time // when it held everywhere
	// refused is the pause of a message that the receiver refuses.
	refused backoff
}

func newMessage(r Revocation) *message {
	// The specification wants an id without a dot, because a dot follows it in what is signed.
	return &message{Revocation: r, id: "msg_" + rand.Text(), held: time.Now()}
}

// body returns the JSON of the message, in UTF-8. It is the same in every try.
func (m *message) body(gate string) ([]byte, error) {
	type data struct {
		Kind    string  `json:"kind"`
		Key     string  `json:"key"`
		Source  string  `json:"source"`
		Issuer  string  `json:"issuer"`
		Subject string  `json:"subject,omitempty"`
		Reason  string  `json:"reason"`
		Gate    string  `json:"gate"`
		Took    float64 `json:"took_seconds"`
	}
	body, err := json.Marshal(struct {
		Version   int    `json:"version"`
		Type      string `json:"type"`
		ID        string `json:"id"`
		Timestamp string `json:"timestamp"`
		Data      data   `json:"data"`
	}{
		version, "session_gate.revoked", m.id, m.held.UTC().Format("2006-01-02T15:04:05.000Z"),
		data{m.Kind, m.Key, m.Source, m.Issuer, m.Subject, m.Reason, gate, m.Took.Seconds()},
	})
	if err != nil {
		return nil, fmt.Errorf("writing a message for the webhook: %w", err)
	}
	return body, nil
}
