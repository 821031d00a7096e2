package caddymodule

import (
	"log/slog"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
)

// maxAlso bounds the further revocations of a call that its line names.
const maxAlso = 8

// revocationLog writes one line for each call that revokes, of any source. If the store does not
// confirm the revocations, it writes another line once they hold everywhere. It may be used
// concurrently.
//
// Invariant 10: a line names what is revoked by the prefix of a hash.
type revocationLog struct{ logger *slog.Logger }

// about returns a logger with what is known of a call.
func (l *revocationLog) about(o hub.Outcome) *slog.Logger {
	logger := l.logger.With("kind", o.Revocations[0].Kind.String(), "key", o.Revocations[0].Key, "source", o.Source.String(), "after", o.Took)
	if o.Issuer != "" {
		logger = logger.With("issuer", o.Issuer)
	}
	if o.Subject != "" {
		logger = logger.With("user_id", o.Subject)
	}
	if o.Reason != "" {
		logger = logger.With("reason", o.Reason)
	}
	if others := o.Revocations[1:]; len(others) > 0 {
		also := make([]string, 0, maxAlso)
		for _, r := range others[:min(len(others), maxAlso)] {
			also = append(also, r.Kind.String()+" "+r.Key.String())
		}
		logger = logger.With("revocations", len(o.Revocations), "also", also)
	}
	// A local store has one gate. A retry does not tell how many there were.
	if o.Receipt.Gate != 0 {
		logger = logger.With("gates", 1+len(o.Receipt.Gates)+o.Receipt.Others)
	}
	return logger
}

// revoked logs a revocation that holds everywhere.
func (l *revocationLog) revoked(o hub.Outcome) {
	if len(o.Revocations) == 0 {
		return
	}
	logger := l.about(o)
	if o.Receipt.StoreOnly {
		logger.Info("a revocation is in the store; the other gates follow within a lease")
		return
	}
	logger.Info("a revocation holds everywhere")
}

// pending logs a revocation that holds at this gate only.
func (l *revocationLog) pending(o hub.Outcome) {
	if len(o.Revocations) == 0 {
		return
	}
	logger := l.about(o)
	logger.Error("a revocation was not confirmed by the store; it holds at this gate, and the gate retries until the store has it", "error", o.Err)
}
