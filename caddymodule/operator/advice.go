package operator

import (
	"fmt"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
)

// Admits reports whether the gate admits valid tokens of every issuer. Issuers with
// keys_optional do not count, unless there is no other with keys.
func (s State) Admits() bool {
	return !s.Fenced && len(s.Missed()) == 0 && !s.isWithoutAnyKeys()
}

// isWithoutAnyKeys reports whether no token at all can be verified.
func (s State) isWithoutAnyKeys() bool {
	return len(s.Issuers) > 0 && len(s.WithoutKeys()) == len(s.Issuers)
}

// Admission says in words whether the gate admits guarded requests.
func (s State) Admission() string {
	without := s.WithoutKeys()
	switch {
	case s.Fenced:
		return s.freshness()
	case s.isWithoutAnyKeys():
		return "refuses every token with 503: it has no keys of " + Names(without)
	case len(s.Missed()) > 0: // the exit status of health is 1
		return "refuses every token of " + Names(without) + " with 503: it has no keys. Otherwise it " + s.freshness()
	case s.hasAdmittedNobody():
		return s.freshness() + ", and has not accepted any token yet"
	case len(without) > 0:
		return s.freshness() + ", and refuses every token of " + Names(without) + " with 503: it has no keys"
	default:
		return s.freshness()
	}
}

// freshness is Admission by the store alone.
func (s State) freshness() string {
	switch {
	case s.Fenced:
		return "refuses every guarded request with 503"
	case s.Degraded:
		return "admits requests by an old set, as on_store_failure allows: it does not know the revocations that other gates made since"
	case s.Error != "":
		return "admits requests, and cannot use its store"
	default:
		return "admits requests"
	}
}

// Advice says why a gate does not work as it should, and what the person on call does
// next. Both are empty if nothing is wrong. What concerns all issuers comes first.
func (s State) Advice() (why, next string) {
	if why, next = s.storeAdvice(); why != "" && (s.Fenced || len(s.WithoutKeys()) == 0) {
		return why, next
	}
	if why == "" && len(s.Missed()) == 0 && s.hasAdmittedNobody() {
		return fmt.Sprintf("since its configuration was loaded, the gate has refused %d tokens as invalid or expired, and accepted none", s.BadTokens),
			"run caddy session-gate check with a user's access token; mostly the issuer or the audience in the configuration is not exactly that of the tokens"
	}
	if keysWhy, keysNext := s.keysAdvice(); keysWhy != "" {
		return keysWhy, keysNext
	}
	return why, next
}

// manyBadTokens is how many bad tokens, with no good one, make a fault of the configuration
// likely.
const manyBadTokens = 10

// hasAdmittedNobody reports whether the configuration probably fits no token: those of users are
// refused, and none was accepted yet.
func (s State) hasAdmittedNobody() bool { return s.Admitted == 0 && s.BadTokens >= manyBadTokens }

// storeAdvice is Advice about the store and the revocation log.
func (s State) storeAdvice() (why, next string) {
	switch {
	case s.Error != "" && s.Shared:
		return "the store cannot be used, and its error says why",
			"repair the store, or the way to it; the gate recovers by itself within a lease, or within three if revocations may be lost"
	case s.Error != "":
		return "the store cannot be used, and its error says why",
			"do what the error below says about the file"
	case s.State == InRepair:
		return s.adviceInRepair()
	case s.Skewed:
		return fmt.Sprintf("the clocks of this machine and of the store are %v apart, so this gate keeps revocations for longer",
				s.ClockOffsetSeconds.Duration().Abs().Round(time.Second)),
			"set both clocks by NTP; until then this gate does not open a revocation log that was lost"
	case s.Lag > 0 || !s.Synced:
		return "this gate is reading the revocation log", "wait; if it is still behind in a minute, see the gate's log"
	case s.Degraded:
		return "its lease has expired, as after a suspend or on a starved machine", "wait; if it lasts, see the gate's log"
	case s.Unconfirmed:
		return "revocations that were answered 503 are not in the store yet",
			"they hold at this gate, which retries until the store has them; if that lasts, the store takes no writes: look for a full disk " +
				"or a full memory of the store; the gate's log says why"
	default:
		return "", ""
	}
}

func (s State) adviceInRepair() (why, next string) {
	switch {
	case s.New && s.Bootstrap == "manual":
		return "the store is new: it has never held a revocation, and the fleet waits for you (bootstrap manual)",
			"if this is the first start of this fleet, run: caddy session-gate bootstrap; if not, find out who emptied the store"
	case s.New:
		return "the store is new: it has never held a revocation, and the gate waits two leases in case another gate knows some",
			"nothing, if this is the first start of this fleet; if not, find out who emptied the store"
	case !s.Degraded:
		return "the store may have lost revocations, and this gate, which holds them all, is restoring them",
			"find out what happened to the store; the gate goes on by itself"
	case s.Bootstrap == "manual":
		return "the store may have lost revocations, and the fleet waits for a gate that can confirm its contents, or for you (bootstrap manual)",
			"if this lasts longer than two leases, find out what happened to the store, and start every gate that still holds the revocations; " +
				"then run: caddy session-gate bootstrap"
	default:
		return "the store may have lost revocations, and the gates are restoring what they hold",
			"find out what happened to the store; the revocation log opens by itself after two leases"
	}
}

// keysAdvice is Advice about the keys of issuers: first those that refuse tokens now, then
// those that will.
func (s State) keysAdvice() (why, next string) {
	const fetch = "compare the URL, and repair the way from this gate to the issuer; its error below says what fails; the gate tries again by itself"
	for _, issuer := range s.WithoutKeys() {
		switch failing := issuer.failing(); {
		case failing == nil && issuer.Loaded:
			return "the keys of " + issuer.Issuer + " are too old, as after a suspend", "wait a few seconds; the gate is fetching them"
		case failing == nil:
			return "the keys of " + issuer.Issuer + " were never loaded yet", "wait a few seconds; the gate is fetching them"
		case !issuer.Loaded:
			return "the keys of " + issuer.Issuer + " were never loaded", fetch
		case failing.Lapsed:
			return fmt.Sprintf("the keys of %s could not be fetched for %v", issuer.Issuer, keys.MaxAge), fetch
		default:
			return "the issuer " + issuer.Issuer + " has published the private keys of its key set, so nothing that they sign is accepted",
				"tell the issuer; the gate takes new keys as soon as they are published"
		}
	}
	for _, issuer := range s.Issuers {
		failing := issuer.failing()
		switch {
		case failing == nil:
		case failing.AgeSeconds == nil:
			return fmt.Sprintf("the keys of %s at %s were never loaded; its tokens that no other key verifies are 503", issuer.Issuer, failing.Place), fetch
		case failing.Lapsed:
			return fmt.Sprintf("the keys of %s at %s could not be fetched for %v; its tokens that no other key verifies are 503", issuer.Issuer, failing.Place, keys.MaxAge), fetch
		default:
			return fmt.Sprintf("the keys of %s cannot be fetched; the last good ones hold for %v more, and then its tokens are 503",
				issuer.Issuer, rounded(max(0, secondsOf(keys.MaxAge)-*failing.AgeSeconds))), fetch
		}
	}
	return "", ""
}

// failing returns the place of the issuer's keys where the last fetch failed, one without keys
// if there is one, or nil.
func (i Issuer) failing() (found *KeySource) {
	for n := range i.Sources {
		if source := &i.Sources[n]; source.Error != "" && (found == nil || source.Keys == 0 && found.Keys > 0) {
			found = source
		}
	}
	return found
}
