package token

import (
	"fmt"
	"slices"
)

// Site holds the rules of one gate, which its tokens must meet besides those of their issuer.
type Site struct {
	// Audiences lists the accepted audiences, in the claims that the issuer's rules name. A
	// token must hold one of them. None means that the issuer's rules are enough.
	Audiences []string
	// Require lists what a token must hold. All of it counts.
	Require []Requirement
}

// AddSite adds the rules of a gate and returns their index for CheckSite, 0 for no rules. Add
// sites before serving requests. It fails on a requirement without a claim or values.
func (v *Verifier) AddSite(site Site) (index int, err error) {
	for _, r := range site.Require {
		if err := r.check(); err != nil {
			return 0, fmt.Errorf("adding site: %w", err)
		}
	}
	if slices.Contains(site.Audiences, "") {
		return 0, fmt.Errorf("adding site: an empty audience")
	}
	if len(site.Audiences) == 0 && len(site.Require) == 0 {
		return 0, nil
	}
	v.adding.Lock()
	defer v.adding.Unlock()
	grown := v.added.Load().grow()
	grown.sites = append(grown.sites, site)
	for _, r := range site.Require {
		grown.reads.add(r.Claim)
	}
	v.added.Store(grown)
	return len(grown.sites), nil
}

// CheckSite refuses a token of Verify that does not meet the rules of a site, by its index.
// The error wraps ErrInvalid, and is a *SignedError. For a token that meets them it does not
// allocate: the answer was found when the token was verified. A token of VerifySignatureOnly meets no rules.
func (v *Verifier) CheckSite(t *Verified, index int) error {
	if index == 0 || index <= len(t.sites) && t.sites[index-1] {
		return nil
	}
	v.logger.Debug("token refused", "error", errSite)
	return t.refused(errSite)
}

var errSite = refuse("it is not for this site; its session_gate has an audience or require of its own")

// meets returns, for each site, whether a token of the issuer with these claims meets its
// rules.
func (i *issuer) meets(sites []Site, m members) []bool {
	if len(sites) == 0 {
		return nil
	}
	met := make([]bool, len(sites))
	for n, site := range sites {
		met[n] = (len(site.Audiences) == 0 || audienceFault(m, i.AudienceClaims, site.Audiences, false) == "") &&
			!slices.ContainsFunc(site.Require, func(r Requirement) bool { return !r.isMetBy(m, i.scopeClaims) })
	}
	return met
}

// added are what gates have added to a verifier. It is replaced, never changed.
type added struct {
	views [][]string // the claims of which gates set placeholders and identities
	sites []Site
	reads names // the claims of both
}

// grow returns a copy to which one thing may be added.
func (a *added) grow() *added {
	grown := &added{views: slices.Clone(a.views), sites: slices.Clone(a.sites), reads: names{}}
	for name := range a.reads {
		grown.reads[name] = struct{}{}
	}
	return grown
}
