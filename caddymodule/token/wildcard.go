package token

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// wildcard is the name of an issuer with a part that differs between its tenants, such as
// https://login.microsoftonline.com/*/v2.0.
type wildcard struct{ prefix, suffix string }

// newWildcard splits the name of an issuer at its asterisk.
func newWildcard(name string) (w wildcard, err error) {
	var found bool
	if w.prefix, w.suffix, found = strings.Cut(name, "*"); !found || strings.Contains(w.suffix, "*") {
		return w, errors.New("wildcard needs exactly one * in the name of the issuer, where the value of the claim stands")
	}
	return w, nil
}

// part returns what stands for the asterisk in a name, "" if the name is another one. It is
// one segment of a path, or of a host.
func (w wildcard) part(name string) string {
	rest, isPrefix := strings.CutPrefix(name, w.prefix)
	part, isSuffix := strings.CutSuffix(rest, w.suffix)
	if !isPrefix || !isSuffix || !IsTenant(part) {
		return ""
	}
	return part
}

// IsTenant reports whether a text may stand in the name of an issuer instead of its asterisk.
func IsTenant(text string) bool { return text != "" && !strings.ContainsAny(text, "/?#*") }

// overlaps reports whether a name may fit both.
func (w wildcard) overlaps(other wildcard) bool {
	return (strings.HasPrefix(w.prefix, other.prefix) || strings.HasPrefix(other.prefix, w.prefix)) &&
		(strings.HasSuffix(w.suffix, other.suffix) || strings.HasSuffix(other.suffix, w.suffix))
}

// CheckWildcard refuses the name of an issuer whose asterisk and the claim that stands there,
// "" for none, do not go together.
func CheckWildcard(issuer, claim string) error {
	if claim == "" {
		if strings.Contains(issuer, "*") {
			return errors.New("its name holds a *; name the claim that stands there with wildcard")
		}
		return nil
	}
	// Attack: whoever has a token signed chooses its `iss`. Its own text proves nothing about it.
	if claim == "iss" {
		return errors.New("wildcard names iss itself; name the claim with the tenant, such as tid")
	}
	_, err := newWildcard(issuer)
	return err
}

// checkWildcard refuses options in which the asterisk of the name and its claim do not go
// together.
func (o *IssuerOptions) checkWildcard() error {
	if o.WildcardClaim == "" && len(o.WildcardValues) > 0 {
		return errors.New("values of a wildcard without its claim")
	}
	return CheckWildcard(o.Issuer, o.WildcardClaim)
}

// checkTenant refuses a token whose issuer's name does not hold the claim of the wildcard, or
// holds a value that is not accepted.
//
// Attack: a tenant of the issuer has a token signed whose `iss` names another tenant. All
// tenants share the keys, so the name alone proves nothing if the tenant can choose it.
func (i *issuer) checkTenant(name string, m members) error {
	if i.WildcardClaim == "" {
		return nil
	}
	tenant, err := m.id(i.WildcardClaim)
	switch {
	case err != nil:
		return err
	case tenant == "" || tenant != i.wildcard.part(name):
		return refuse("iss does not hold the value of " + strconv.Quote(i.WildcardClaim) + " where its name has a *")
	case len(i.WildcardValues) > 0 && !slices.Contains(i.WildcardValues, tenant):
		return refuse(strconv.Quote(i.WildcardClaim) + " is none of the values that wildcard names")
	}
	return nil
}

// IsIssuerOf reports whether the configured name of an issuer stands for this `iss`: it is
// the same, or has an asterisk where the other has a tenant.
func IsIssuerOf(configured, iss string) bool {
	w, err := newWildcard(configured)
	if err != nil { // it has no asterisk
		return configured == iss
	}
	return w.part(iss) != ""
}
