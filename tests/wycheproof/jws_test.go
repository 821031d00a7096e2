package wycheproof

import (
	"errors"
	"strings"
	"testing"
)

// Every vector must be decided as its file expects, or be listed in differences.
func TestEveryVectorIsDecidedAsExpectedOrListed(t *testing.T) {
	// The files of this version of the module hold 401 signatures, 26 keys, and 49
	// signatures among the 83 vectors of the third file.
	const all = 401 + 26 + 49
	listed := listedDifferences(t)
	ran := 0
	for _, g := range signatureGroups(t) {
		verify := verifierOf(t, g)
		for _, v := range g.Tests {
			ran++
			if v.Result != "valid" && v.Result != "invalid" {
				t.Fatalf("%s, vector %d: result %q is neither valid nor invalid", g.file, v.ID, v.Result)
			}
			err := verify(string(v.JWS))
			at := place{g.file, v.ID}
			_, isListed := listed[at]
			delete(listed, at)
			if differs := (err == nil) != (v.Result == "valid"); differs != isListed {
				t.Errorf("%s, vector %d, %q is %s: error %v; listed as a difference: %t",
					g.file, v.ID, v.Comment, v.Result, err, isListed)
			}
		}
	}
	if ran != all {
		t.Errorf("%d vectors ran, want all %d", ran, all)
	}
	for at, why := range listed {
		t.Errorf("%s has no vector %d, which is listed: %s", at.file, at.id, why)
	}
}

// If the key is refused, every token is. That only proves something if the key is refused
// for the reason that the vectors test.
func TestKeysAreRefusedForTheirReason(t *testing.T) {
	wanted := refusedKeys()
	for _, g := range signatureGroups(t) {
		at := place{g.file, g.Tests[0].ID}
		err := verifierOf(t, g)("e30.e30.AA")
		want, refused := wanted[at]
		delete(wanted, at)
		switch {
		case refused != errors.Is(err, errKey):
			t.Errorf("%s, key of vector %d, %q: error %v, the key is to be refused: %t", at.file, at.id, g.Comment, err, refused)
		case refused && !strings.Contains(err.Error(), want):
			t.Errorf("%s, key of vector %d, %q: error %v, want one with %q", at.file, at.id, g.Comment, err, want)
		}
	}
	for at := range wanted {
		t.Errorf("%s has no group that begins with vector %d", at.file, at.id)
	}
}

// Attack: an endpoint publishes private keys or secrets by mistake. Everybody who has read
// them can sign. So signatures with them must be refused, although they are correct.
func TestPublishedPrivateKeysVerifyNothing(t *testing.T) {
	sets := 0
	for _, g := range signatureGroups(t) {
		if len(g.Private) == 0 {
			continue
		}
		sets++
		verify := fetched(t, g.Private)
		// If a set holds a public key beside the secret, the public key stays usable.
		mixed := g.Comment == "jws_mixedSymmetryKeyset"
		for _, v := range g.Tests {
			err := verify(string(v.JWS))
			if err == nil || !mixed && !strings.Contains(err.Error(), "private or symmetric") {
				t.Fatalf("%s, vector %d: error %v, want the private key to be refused", g.file, v.ID, err)
			}
		}
	}
	if sets == 0 {
		t.Error("no group has a private key")
	}
}

// Attack: an encrypted token instead of a signed one. Everybody who has the public key can
// encrypt, so decrypting proves nothing. The product decrypts nothing, and reads no part of
// a JWE as a part of a JWS.
func TestNoEncryptedTokenIsAccepted(t *testing.T) {
	const all = 139 + 34
	ran := 0
	for _, g := range encryptionGroups(t) {
		key := g.Public
		if len(key) == 0 {
			key = g.Private
		}
		verifiers := []verify{fetched(t, key), verifierOf(t, signatureGroups(t)[0])}
		for _, v := range g.Tests {
			ran++
			for _, verify := range verifiers {
				if verify(string(v.JWE)) == nil {
					t.Errorf("%s, vector %d, %q: accepted", g.file, v.ID, v.Comment)
				}
			}
		}
	}
	if ran != all {
		t.Errorf("%d vectors ran, want all %d", ran, all)
	}
}
