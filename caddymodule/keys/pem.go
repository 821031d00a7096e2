package keys

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
)

// NewPEM reads public keys from the contents of PEM files: PKIX and PKCS #1 public keys,
// and certificates. Only the key of a certificate counts, neither its dates nor its
// issuer. Keys are RSA of 2048 to 8192 bits, EC on P-256, P-384 or P-521, or Ed25519. A
// file may hold several. The source tries each key whose type is that of the algorithm,
// and ignores `kid`.
//
// A file without a key, a private key, and a block that cannot be read are
// errors: a missing key must not go unnoticed.
func NewPEM(files ...[]byte) (Source, error) {
	var keys static
	for i, file := range files {
		found, err := parsePublicKeys(file)
		if err != nil {
			return nil, fmt.Errorf("reading public key file %d: %w", i+1, err)
		}
		keys = append(keys, found...)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("reading public keys: no file given")
	}
	return keys, nil
}

func parsePublicKeys(file []byte) (keys []any, err error) {
	// pem.Decode skips blocks that it cannot read; the count reveals them.
	announced := bytes.Count(file, []byte("-----BEGIN "))
	for block, rest := pem.Decode(file); block != nil; block, rest = pem.Decode(rest) {
		key, err := parsePublicKey(block)
		if err != nil {
			return nil, err
		}
		if _, err := checkPublicKey(key); err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("decoding PEM: no block found")
	}
	if len(keys) != announced {
		return nil, fmt.Errorf("decoding PEM: %d of %d blocks are readable", len(keys), announced)
	}
	return keys, nil
}

func parsePublicKey(block *pem.Block) (any, error) {
	switch {
	case strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return nil, fmt.Errorf("decoding PEM: it holds a private key, which does not belong on a gate")
	case block.Type == "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case block.Type == "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case block.Type == "CERTIFICATE":
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return certificate.PublicKey, nil
	default:
		return nil, fmt.Errorf("decoding PEM: block of type %q, want a public key or a certificate", block.Type)
	}
}

// isPublic reports whether a text is what a PEM file of a public key or a certificate holds
// between its first and its last line, in base64 or decoded.
func isPublic(text []byte) bool {
	decoded, _ := decodeNumber(string(bytes.Join(bytes.Fields(text), nil)))
	for _, der := range [][]byte{text, decoded} {
		for _, kind := range []string{"PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE"} {
			if _, err := parsePublicKey(&pem.Block{Type: kind, Bytes: der}); err == nil {
				return true
			}
		}
	}
	return false
}
