package operator

import (
	"fmt"
	"strings"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/store/replica"
)

// State is the state of a gate at one moment, for operators and probes. It is the answer
// of `GET /session_gate/health`. Nothing in it is secret.
type State struct {
	// Version is the version of this plugin.
	Version string `json:"version,omitempty"`
	// Store is the kind of store: bolt, redis, memory, or the name of another module.
	// Namespace is the namespace of the gate's fleet in the store.
	Store     string `json:"store"`
	Namespace string `json:"namespace"`
	// Address is where the store is: hosts and ports, the path of a socket, or that of a
	// file. Absent for a store in memory.
	Address string `json:"address,omitempty"`
	// Shared reports whether a fleet of gates uses the store. If not, there is no lease,
	// no state and no list of gates.
	Shared bool `json:"shared"`
	// Bootstrap is auto, manual or relogin, as configured.
	Bootstrap string `json:"bootstrap"`

	// Gate is the gate's own id in the fleet, as receipts name it. Absent without one.
	Gate string `json:"gate,omitempty"`

	// Synced reports whether the gate was able to admit at least once.
	Synced bool `json:"synced"`
	// Fenced reports whether the gate answers 503 to every guarded request.
	Fenced bool `json:"fenced"`
	// Degraded reports whether the gate cannot prove that its set is fresh: it is fenced,
	// or admits by an old set because of `on_store_failure allow`.
	Degraded bool `json:"degraded"`
	// DegradedSeconds is how long it was degraded since the first full sync.
	DegradedSeconds uint64 `json:"degraded_seconds"`

	// LeaseSeconds is the fleet's lease.
	LeaseSeconds Seconds `json:"lease_seconds,omitempty"`
	// LeaseAgeSeconds is the age of the heartbeat that last extended the lease, from when
	// the gate sent it. Absent if none did.
	LeaseAgeSeconds *Seconds `json:"lease_age_seconds,omitempty"`
	// State is that of the revocation log: repair, open or settled. In repair no lease is
	// extended. Absent until the store has answered.
	State string `json:"state,omitempty"`
	// New reports whether the store has never held a revocation, as far as this gate can
	// tell, and the revocation log is not open yet: nothing was lost.
	New bool `json:"new,omitempty"`
	// Generation is the generation of the revocation log that the gate has read, in hex.
	// Absent until it has read some of it.
	Generation string `json:"generation,omitempty"`
	// Position is the number of the last entry that the gate has applied. Lag is how many
	// more entries it knows of.
	Position uint64 `json:"position"`
	Lag      uint64 `json:"lag"`
	// Gates is how many gates are live, this one among them.
	Gates int `json:"gates,omitempty"`
	// Floor is the instant, in Unix seconds, up to which every token is refused, because
	// the store lost revocations and no gate knows which. Absent without one.
	Floor int64 `json:"floor,omitempty"`
	// ClockOffsetSeconds is the store's clock minus this machine's, if they differ by more
	// than a call of the store takes. Skewed reports whether the difference is larger than
	// the margin by which revocations are kept.
	ClockOffsetSeconds Seconds `json:"clock_offset_seconds,omitempty"`
	Skewed             bool    `json:"skewed,omitempty"`
	// Unlisted reports whether other gates may be live that Gates does not count, because
	// they have `acknowledge lease`.
	Unlisted bool `json:"unlisted,omitempty"`
	// Revocations is how many are held.
	Revocations int `json:"revocations"`
	// Unconfirmed reports whether some of them are not in the store yet.
	Unconfirmed bool `json:"unconfirmed"`
	// Admitted is how many requests the process has admitted since the configuration started.
	// BadTokens is how many it has refused because their token was invalid or expired.
	Admitted  uint64 `json:"admitted"`
	BadTokens uint64 `json:"bad_tokens"`
	// Error is why the store cannot be used now. Absent if it can.
	Error string `json:"error,omitempty"`
	// Issuers are the issuers whose tokens are accepted, with the state of their keys.
	Issuers []Issuer `json:"issuers,omitempty"`
}

// InRepair is the State of a revocation log that may have lost revocations, or is New.
const InRepair = "repair"

// StateOf returns the state of a gate now. It may be called concurrently, and is quick
// enough for probes.
func StateOf(app App) State { return gateOf(app).state() }

func (g gate) state() State {
	status := g.Hub().Status()
	s := State{
		Version:         g.settings.Version,
		Store:           g.settings.Store.Kind,
		Namespace:       g.settings.Store.Namespace,
		Address:         g.settings.Store.Address,
		Shared:          g.settings.Store.Shared,
		Bootstrap:       g.settings.Bootstrap,
		Synced:          status.Synced,
		Fenced:          status.Fenced,
		Degraded:        status.Degraded || status.Fenced,
		DegradedSeconds: status.DegradedSeconds,
		LeaseSeconds:    secondsOf(status.Lease),
		Position:        status.Position.Seq,
		Lag:             status.Lag,
		Gates:           status.Gates,
		Floor:           status.Bounds.Refused(),
		Skewed:          status.Skewed,
		Unlisted:        status.Unlisted,
		Revocations:     status.Revocations,
		Unconfirmed:     status.Unconfirmed,
		New:             status.New,
		Issuers:         issuersOf(g.settings.Keys),
	}
	if status.Offset != 0 {
		s.ClockOffsetSeconds = -secondsOf(status.Offset)
	}
	if g.settings.Requests != nil {
		s.Admitted, s.BadTokens = g.settings.Requests()
	}
	s.name(status)
	return s
}

// name sets the fields that are text, or may be absent.
func (s *State) name(status replica.Status) {
	if !status.Heard.IsZero() {
		age := secondsOf(status.Age)
		s.LeaseAgeSeconds = &age
	}
	if status.Gate != 0 {
		s.Gate = status.Gate.String()
	}
	if status.State != 0 {
		s.State = status.State.String()
	}
	if generation := status.Generation; generation != 0 {
		s.Generation = fmt.Sprintf("%016x", uint64(generation))
	}
	if status.Err != nil {
		s.Error = strings.ReplaceAll(status.Err.Error(), "\n", "; ")
	}
}

// Lease says in words how long the lease is, and when it was extended last.
func (s State) Lease() string {
	length := s.LeaseSeconds.Duration()
	if s.LeaseAgeSeconds == nil {
		return fmt.Sprintf("%v, never had", length)
	}
	return fmt.Sprintf("%v, extended %v ago", length, s.LeaseAgeSeconds.Duration())
}

// RevokeTimeout is how long the gate may take for a revocation: two leases, and the rest of
// the second of an instant. That second may be ahead by the longest leeway.
func (s State) RevokeTimeout() time.Duration {
	return 2*s.LeaseSeconds.Duration() + hub.MaxLeeway
}

// Seconds is a length of time in an answer.
type Seconds float64

// Duration is rounded to milliseconds.
func (s Seconds) Duration() time.Duration {
	return time.Duration(float64(s) * float64(time.Second)).Round(time.Millisecond)
}

func secondsOf(d time.Duration) Seconds { return Seconds(d.Seconds()) }

func unix(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }
