package replica

import "strings"

// Verdict is what a check found: Clear, or one or more reasons to refuse.
type Verdict uint8

// Clear admits. Every other verdict refuses.
const Clear Verdict = 0

const (
	// Unavailable: the replica cannot prove that its set is fresh. It says
	// nothing about the token, and is never joined with another reason.
	Unavailable Verdict = 1 << iota
	// BySession: the token's session is revoked.
	BySession
	// ByToken: the token itself is.
	ByToken
	// BySubject: everything issued to its subject up to an instant is, and the
	// token was issued by then.
	BySubject
	// ByIssuer: the same for all that its issuer issued.
	ByIssuer
	// Outlived: revocations that may have named the token were forgotten. It had
	// expired, and a clock has gone back since; or it was issued before the
	// retention was raised, and lives for longer than revocations were kept.
	Outlived
	// ByFloor: the token was issued before the log lost revocations that nobody
	// could name any more.
	ByFloor
)

// String names the reasons, joined by "+".
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
