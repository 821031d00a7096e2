package token

import "fmt"

// trust finds the issuer of a token by `iss`, and returns its name. A token without `iss` is
// of the issuer that accepts such tokens. An issuer of exactly the name comes before one with
// a wildcard.
func (v *Verifier) trust(name string) (trusted *issuer, as string, err error) {
	if name == "" {
		if v.nameless == nil {
			return nil, "", refuse("iss is missing; accept_missing_iss takes such tokens for those of one issuer")
		}
		return v.nameless, v.nameless.Issuer, nil
	}
	if i, ok := v.named[name]; ok {
		return i, name, nil
	}
	for _, i := range v.issuers {
		if i.WildcardClaim != "" && i.wildcard.part(name) != "" {
			return i, name, nil
		}
	}
	return nil, "", refuse("iss is not trusted")
}

// addIssuer adds an issuer, unless a token could be of two issuers.
func (v *Verifier) addIssuer(options IssuerOptions) error {
	added, err := newIssuer(options)
	if err != nil {
		return err
	}
	for _, i := range v.issuers {
		switch {
		case i.Issuer == added.Issuer:
			return fmt.Errorf("issuer %q given twice", i.Issuer)
		case i.WildcardClaim != "" && added.WildcardClaim != "" && i.wildcard.overlaps(added.wildcard):
			return fmt.Errorf("a token may be of issuer %q and of issuer %q; make their names differ beside the *", i.Issuer, added.Issuer)
		}
	}
	if added.AcceptMissingIssuer {
		if v.nameless != nil {
			return fmt.Errorf("issuers %q and %q both have accept_missing_iss; a token without iss can be of one issuer only, so take it out of the other",
				v.nameless.Issuer, added.Issuer)
		}
		v.nameless = added
	}
	v.issuers = append(v.issuers, added)
	if added.WildcardClaim == "" {
		v.named[added.Issuer] = added
	}
	return nil
}
