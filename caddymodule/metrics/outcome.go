package metrics

// Outcome is what became of a request to a gate. Each request has one.
type Outcome uint8

// The outcomes.
const (
	Admitted    Outcome = iota // the token was accepted; counted by the hub
	Public                     // a public path
	Optional                   // no credential, and none was needed
	Preflight                  // a CORS preflight
	Own                        // answered by a path of the gate's own
	Observed                   // would have been refused, and was passed on
	Method                     // the method is not allowed
	Path                       // the path could be read in two ways
	CrossSite                  // sent by a page of another site
	Missing                    // no credential
	Malformed                  // a credential that is no token, or a request that cannot be read
	Several                    // several credentials
	Invalid                    // a token that this gate does not trust
	Expired                    // a token whose time is over
	Revoked                    // a revoked token
	Unavailable                // the gate could not check the token
	numOutcomes
)

// outcomes are the names of the outcomes. Those of refusals are the reasons of reply.Denial.
var outcomes = [numOutcomes]string{
	"admitted", "public", "optional", "preflight", "own", "observed", "method", "path", "cross_site",
	"missing", "malformed", "several", "invalid", "expired", "revoked", "unavailable",
}

// String returns the outcome as metrics name it.
func (o Outcome) String() string { return outcomes[o] }

// OutcomeOf returns the outcome of a request that was refused for a reason (reply.Denial). A
// refusal without a reason is an answer of a path of the gate's own.
func OutcomeOf(reason string) Outcome {
	for o := Method; o < numOutcomes; o++ {
		if outcomes[o] == reason {
			return o
		}
	}
	return Own
}
