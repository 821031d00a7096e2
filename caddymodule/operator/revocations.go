package operator

import (
	"errors"
	"net/http"

	"github.com/sessiongate/sessiongate/store"
)

// RevocationCounts is how many revocations a gate holds. It holds only hashes, so a list of
// them would name nothing. SessionList and Explanation report whether a session or a token
// is revoked.
type RevocationCounts struct {
	// Held is how many revocations the gate holds. Expired ones count for some minutes.
	Held int `json:"held"`
	// Kinds is the number of each kind.
	Kinds Kinds `json:"kinds"`
	// Unconfirmed reports whether some of them are not in the store yet.
	Unconfirmed bool `json:"unconfirmed"`
}

// Kinds are numbers of revocations by kind.
type Kinds struct {
	Session int `json:"session"`
	Token   int `json:"token"`
	Subject int `json:"subject"`
	Issuer  int `json:"issuer"`
}

// countRevocations counts what the gate holds.
func countRevocations(g gate, r *http.Request) (any, error) {
	if r.URL.RawQuery != "" {
		return nil, badRequest(errors.New("counting revocations: the call has no parameters"))
	}
	if err := g.checkOpen("counting revocations"); err != nil {
		return nil, err
	}
	_, set := g.Hub().Store()
	counts := set.Counts()
	kinds := Kinds{counts[store.KindSession], counts[store.KindToken], counts[store.KindSubject], counts[store.KindIssuer]}
	return RevocationCounts{
		Held: kinds.Session + kinds.Token + kinds.Subject + kinds.Issuer, Kinds: kinds,
		Unconfirmed: set.Status().Unconfirmed,
	}, nil
}
