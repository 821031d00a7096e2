package operator

import (
	"net/http"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// RevocationList is a page of the revocations that a gate holds, in the order of
// their hashes, which is none.
type RevocationList struct {
	// Held is how many are held, expired ones among them for some minutes.
	Held int `json:"held"`
	// Unconfirmed says that the store has yet to take some of them.
	Unconfirmed bool               `json:"unconfirmed"`
	Revocations []ListedRevocation `json:"revocations"`
	// Next is the `after` of the next page. Absent on the last.
	Next string `json:"next,omitempty"`
}

// ListedRevocation is a revocation as operators see it: what it names was hashed,
// and nobody can tell.
type ListedRevocation struct {
	Kind string `json:"kind"`
	Key  string `json:"key"`
	// NotBefore is the instant up to which all is refused that was issued, for a
	// subject and an issuer.
	NotBefore *time.Time `json:"not_before,omitempty"`
	// Except is the session that such an instant leaves alone.
	Except  string    `json:"except_session,omitempty"`
	Expires time.Time `json:"expires"`
	// Logged says that it is known to be on the store's log, and not only here.
	Logged bool `json:"logged"`
}

// listRevocations lists what the gate holds.
func listRevocations(g gate, r *http.Request) (any, error) {
	var page page
	if err := page.parameters(parameters{}).readQuery(r); err != nil {
		return nil, err
	}
	if err := g.checkOpen("listing revocations"); err != nil {
		return nil, err
	}
	_, set := g.Hub().Store()
	status := set.Status()
	list := RevocationList{Held: status.Revocations, Unconfirmed: status.Unconfirmed, Revocations: []ListedRevocation{}}
	held := set.List(replica.Held{Revocation: store.Revocation{Key: page.from}}, page.skip+page.limit+1, time.Now().Unix())
	held = held[min(page.skip, len(held)):]
	if len(held) > page.limit {
		held = held[:page.limit]
		keys := make([]store.Key, len(held))
		for i, h := range held {
			keys[i] = h.Key
		}
		list.Next = page.next(keys)
	}
	for _, h := range held {
		listed := ListedRevocation{Kind: h.Kind.String(), Key: h.Key.String(), Expires: unix(h.Expires), Logged: h.Logged}
		if h.Kind.HasInstant() {
			notBefore := unix(h.NotBefore)
			listed.NotBefore = &notBefore
		}
		if !h.Except.IsZero() {
			listed.Except = h.Except.String()
		}
		list.Revocations = append(list.Revocations, listed)
	}
	return list, nil
}
