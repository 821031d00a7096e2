package command

import (
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
)

// An operator reads since when something is revoked, by what and why, and what is not known.
func TestOriginsAreDescribed(t *testing.T) {
	since := time.Unix(1_800_000_000, 0)
	for want, o := range map[string]operator.Origin{
		`since 2027-01-15T08:00:00Z by an operator, who gave the reason "lost laptop"`: {Since: &since, Source: "admin", Reason: "lost laptop"},
		"since 2027-01-15T08:00:00Z by a logout of the session":                        {Since: &since, Source: "endpoint"},
		"since 2027-01-15T08:00:00Z by a logout at the sessions endpoint":              {Since: &since, Source: "sessions"},
		"since 2027-01-15T08:00:00Z by the issuer's back-channel logout":               {Since: &since, Source: "issuer"},
		"since 2027-01-15T08:00:00Z by a client or a transmitter of events":            {Since: &since, Source: "standard"},
		"since 2027-01-15T08:00:00Z by source(9)":                                      {Since: &since, Source: "source(9)"},
		"since 2027-01-15T08:00:00Z by an unknown source":                              {Since: &since},
		"since an unknown time by an operator":                                         {Source: "admin"},
		"since 2027-01-15T08:00:00Z by an operator (it may be revoked for longer)":     {Since: &since, Source: "admin", Unknown: "it may be revoked for longer"},
		"(unknown since when: the store did not answer)":                               {Unknown: "the store did not answer"},
	} {
		if got := describeOrigin(o); got != want {
			t.Errorf("%+v is described as\n%s\nwant\n%s", o, got, want)
		}
	}
}

func TestTheExplanationAndTheListSayWhy(t *testing.T) {
	since := time.Unix(1_800_000_000, 0)
	why := operator.Origin{Since: &since, Source: "admin", Reason: "left"}
	var printed strings.Builder
	err := describeExplanation(operator.Explanation{
		Status: 401, Reason: "revoked", Steps: []operator.Step{{Step: "revocation", Detail: "it is revoked"}},
		Revocations: []operator.Revocation{{By: "subject", Key: "0a0b0c0d", NotBefore: &since, Origin: why}, {By: "learned", Key: "01020304", Origin: why}},
	}, &printed)
	want := `A request with this token is answered 401 (revoked).

NO  revocation  it is revoked

  revoked  subject, key 0a0b0c0d, up to 2027-01-15T08:00:00Z: since 2027-01-15T08:00:00Z by an operator, who gave the reason "left"
  revoked  login that a token_endpoint issued it for, key 01020304: since 2027-01-15T08:00:00Z by an operator, who gave the reason "left"
`
	if err != nil || printed.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", printed.String(), want)
	}
	printed.Reset()
	err = describeSessions(operator.SessionList{
		Issuer: "https://id.example.com", Subject: "alice", NotBefore: &since,
		Sessions: []operator.ListedSession{
			{ID: "a", Key: "01020304", FirstSeen: since, LastSeen: since, Revoked: true, By: "session", Origin: why},
			{ID: "b", Key: "05060708", FirstSeen: since, LastSeen: since, Revoked: true, By: "subject", Origin: why},
			{ID: "c", Key: "090a0b0c", FirstSeen: since, LastSeen: since},
		},
		Revocations: []operator.Revocation{{By: "subject", Key: "0a0b0c0d", NotBefore: &since, Origin: why}},
	}, &printed)
	want = `SESSION  KEY       FIRST SEEN            LAST SEEN             STATE
"a"      01020304  2027-01-15T08:00:00Z  2027-01-15T08:00:00Z  revoked since 2027-01-15T08:00:00Z by an operator, who gave the reason "left"
"b"      05060708  2027-01-15T08:00:00Z  2027-01-15T08:00:00Z  revoked with its subject since 2027-01-15T08:00:00Z by an operator, who gave the reason "left"
"c"      090a0b0c  2027-01-15T08:00:00Z  2027-01-15T08:00:00Z  live

Tokens issued up to 2027-01-15T08:00:00Z are revoked, except those of excepted sessions.
The latest is of the subject, key 0a0b0c0d, up to 2027-01-15T08:00:00Z: since 2027-01-15T08:00:00Z by an operator, who gave the reason "left".
`
	if err != nil || printed.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", printed.String(), want)
	}
}

// The values that a rule compared stand below it. Claims that nobody has verified are marked.
func TestTheExplanationShowsWhatWasCompared(t *testing.T) {
	var printed strings.Builder
	err := describeExplanation(operator.Explanation{
		Status: 401, Reason: "invalid",
		Steps: []operator.Step{
			{Step: "form", Passed: true, Detail: "a signed token"},
			{Step: "audience", Detail: "aud does not name this gate", Expected: `aud "web"`, Found: `aud "other"`},
		},
		Sites:      []operator.SiteRules{{Rules: `audience "a"`, Passed: true}, {Rules: `audience "b"`}},
		Unverified: &operator.UnverifiedClaims{Subject: "al\nice", IssuedAt: time.Unix(1_800_000_000, 0)},
	}, &printed)
	want := `A request with this token is answered 401 (invalid).

ok  form      a signed token
NO  audience  aud does not name this gate
              expected: aud "web"
              found: aud "other"
ok  site      a site with audience "a" admits it
NO  site      a site with audience "b" refuses it with 401

Unverified claims, which anybody may have written:
  subject  "al\nice"
  issued   2027-01-15T08:00:00Z
`
	if err != nil || printed.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", printed.String(), want)
	}
}
