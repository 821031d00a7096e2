package operator

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token"
)

// maxValues is how many values of one comparison are shown.
const maxValues = 10

// SiteRules are the rules that one site has of its own, and whether a token meets them. They
// decide about requests to that site only.
type SiteRules struct {
	Rules  string `json:"rules"`
	Passed bool   `json:"passed"`
}

// values joins values that may be long, many, and written by anybody.
func values(of []string) string {
	more := ""
	if n := len(of) - maxValues; n > 0 {
		of, more = of[:maxValues], fmt.Sprintf(", and %d more", n)
	}
	short := make([]string, len(of))
	for i, value := range of {
		short[i] = cut(value)
	}
	return strings.Join(short, ", ") + more
}

// compared returns a step, with what it compared.
func (g gate) compared(step token.Step, passed bool, e token.Explanation, now time.Time) Step {
	s := Step{Step: string(step), Passed: passed, Detail: g.detail(step, e, now)}
	c := e.Compare(step)
	s.Expected, s.Found = values(c.Expected), values(c.Found)
	if step == token.StepTime && e.Token != nil {
		from, until := e.Token.Validity()
		s.Expected = fmt.Sprintf("now from %s to %s, both with the leeway", stamp(from), stamp(until))
		s.Found = "now " + stamp(now.Unix()) + ", " + s.Found
	}
	if !passed {
		s.Detail = brokenRule(step, e, s.Detail)
	}
	return s
}

func stamp(second int64) string { return unix(second).Format(time.RFC3339) }

// sites returns the rules that sites have of their own, each once.
func (g gate) sites(t *token.Verified) (all []SiteRules) {
	for _, check := range g.Verifier().Sites(t) {
		var rules []string
		for _, audience := range check.Site.Audiences {
			rules = append(rules, fmt.Sprintf("audience %q", audience))
		}
		for _, r := range check.Site.Require {
			rules = append(rules, "require "+r.String())
		}
		if one := (SiteRules{values(rules), check.Met}); !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	return all
}
