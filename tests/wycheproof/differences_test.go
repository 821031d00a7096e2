package wycheproof

import "testing"

// place is a vector of a file, by its tcId.
type place struct {
	file string
	id   int
}

// differences are all vectors that the product decides differently than their file expects,
// with the reason.
var differences = []struct {
	file     string
	ids      []int
	accepted bool // the product's decision
	why      string
}{
	{
		signatureFile,
		[]int{259, 264, 268, 272, 320, 325},
		false,
		"An empty payload: RFC 7515 allows it, and no claims set is empty (RFC 7519 §7.2). A token without a payload is malformed.",
	},
	{
		signatureFile,
		[]int{346, 350},
		false,
		"The key says `alg` PS256, the token PS384. RFC 7517 §4.4: it is the algorithm the key is intended for, so it narrows.",
	},
	{
		signatureFile,
		[]int{347, 351},
		false,
		"The key says `alg` ES521, which does not exist (RFC 7518 §3.4 has ES512). A key for something unknown is not used.",
	},
	{
		signatureFile,
		[]int{372, 373},
		false,
		"A `?` inside a part, to be skipped: RFC 7515 §2 knows no characters outside base64url, and each one skipped is one more spelling of the token.",
	},
	{
		signatureFile,
		[]int{367, 370},
		true,
		"To test padding that is wrong, but the padding is not in the file: byte for byte these are vector 357, which is valid.",
	},
	{
		keyFile,
		[]int{4},
		true,
		"Two secrets with one `kid`: those of a gate have no `kid`, and while one is being rotated both count. Only the issuer holds either.",
	},
	{
		keyFile,
		[]int{11, 12},
		true,
		"HS384 with 47 bytes and HS512 with 63: RFC 7518 §3.2 wants 48 and 64. 32 bytes are the least for all three here, and nobody guesses 256 bits.",
	},
	{
		cryptoFile,
		[]int{46},
		true,
		"A key of CVE-2017-15361 (ROCA): anybody can sign with it. Whoever can put it into the issuer's key set can put a key of his own there, and the libraries of issuers do not make such keys.",
	},
	{
		keyFile,
		[]int{7},
		true,
		"The key of vector 46 of the other file, for the same reason.",
	},
}

// listedDifferences returns differences by place. It compares each with its file, so that
// no reason stays after its vector has changed.
func listedDifferences(t *testing.T) map[place]string {
	t.Helper()
	results := make(map[place]string)
	for _, g := range signatureGroups(t) {
		for _, v := range g.Tests {
			results[place{g.file, v.ID}] = v.Result
		}
	}
	listed := make(map[place]string)
	for _, d := range differences {
		expected := map[bool]string{true: "invalid", false: "valid"}[d.accepted]
		for _, id := range d.ids {
			at := place{d.file, id}
			if results[at] != expected {
				t.Errorf("%s, vector %d is %q, listed as %s: %s", d.file, id, results[at], expected, d.why)
			}
			listed[at] = d.why
		}
	}
	return listed
}

// The vectors that lost their padding are the same text as the valid one.
func TestVectorsWithoutTheirPaddingAreTheValidOne(t *testing.T) {
	texts := make(map[int]text)
	for _, g := range groupsOf(t, signatureFile) {
		for _, v := range g.Tests {
			texts[v.ID] = v.JWS
		}
	}
	for _, id := range []int{367, 370} {
		if texts[id] == "" || texts[id] != texts[357] {
			t.Errorf("vector %d is another text than 357 by now: the reason for the difference is gone", id)
		}
	}
}

// refusedKeys are the groups whose key is refused, by their first vector, with a part of
// the product's error.
func refusedKeys() map[place]string {
	return map[place]string{
		{signatureFile, 347}: "its alg is not a signature of its type",
		{signatureFile, 351}: "its alg is not a signature of its type",
		{signatureFile, 353}: "its use is not sig",
		{signatureFile, 354}: "its use is not sig",
		{signatureFile, 355}: "its key_ops do not hold verify",
		{signatureFile, 356}: "its key_ops do not hold verify",
		{keyFile, 6}:         "its use is not sig",
		{keyFile, 8}:         "RSA of 1024 bits",
		{keyFile, 9}:         "of an unknown type, too large or damaged", // exponent 1
		{keyFile, 10}:        "31 bytes",
		{keyFile, 16}:        "0 bytes",
		{keyFile, 17}:        "0 bytes",
		{keyFile, 18}:        "0 bytes",
		{keyFile, 19}:        "its alg is not a signature of its type",
		{keyFile, 20}:        "its alg is not a signature of its type",
		{keyFile, 21}:        "its use is not sig",
		{keyFile, 22}:        "of an unknown type, too large or damaged", // a point off the curve
		{keyFile, 23}:        "of an unknown type, too large or damaged", // the point of another curve
		{keyFile, 24}:        "of an unknown type, too large or damaged", // an EC key with the type RSA
		{keyFile, 25}:        `"A256GCM" is not one of`,
		{keyFile, 26}:        `"A256KW" is not one of`,
	}
}
