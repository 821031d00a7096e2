package replica

import "strings"

// Verdict is the result of a check: Clear, or one or more reasons to refuse.
type Verdict uint8

// Clear admits. Every other verdict refuses.
const Clear Verdict = 0

const (
	// Unavailable: the replica cannot prove that its set is fresh. This says nothing about
	// the token, and is never joined with another reason.
	Unavailable Verdict = 1 << iota
	// BySession: the token's session is revoked.
	BySession
	// ByToken: the token itself is revoked.
	ByToken
	// BySubject: all tokens that were issued to the subject up to an instant are revoked,
	// and the token was issued by then.
	BySubject
	// ByIssuer: the same for all tokens of the issuer.
	ByIssuer
	// Outlived: a revocation of the token may have been forgotten. Either the token had
	// expired, and a clock has gone back since. Or it was issued before the retention was
	// raised, and lives longer than revocations were kept.
	Outlived
	// ByFloor: the token was issued before the log lost revocations, and no gate knows
	// which.
	ByFloor
)

// String returns the names of the reasons, joined by "+".
func (v Verdict) String() string {
	if v == Clear {
		return "clear"
	}
	var reasons []string
	for _, reason := range []struct {
		verdict Verdict
		name    string
	}{
		{Unavailable, "unavailable"},
		{BySession, "session"},
		{ByToken, "token"},
		{BySubject, "subject"},
		{ByIssuer, "issuer"},
		{Outlived, "outlived"},
		{ByFloor, "floor"},
	} {
		if v&reason.verdict != 0 {
			reasons = append(reasons, reason.name)
		}
	}
	return strings.Join(reasons, "+")
}
