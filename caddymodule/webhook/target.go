package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

const (
	// minText is the least length of a secret that is text, in bytes.
	minText = 32
	// minRandom is the least length of a secret that is random bytes in base64.
	minRandom = 24
	// encodedPrefix marks a secret that is random bytes in base64.
	encodedPrefix = "whsec_"
)

// Target is a receiver, with the secrets that sign what it is sent. It is immutable.
type Target struct {
	url     string
	host    string // for logs: the rest of the URL may be a secret
	secrets [][]byte
}

// NewTarget returns the receiver at a URL, which CheckURL accepts. Each secret is text of 32
// bytes or more, or `whsec_` and the base64 of 24 random bytes or more. Every secret signs
// every request, so that a receiver can take a new secret before or after the gate. Errors
// quote neither the path of the URL nor a secret.
func NewTarget(address string, secrets ...string) (*Target, error) {
	u, err := parseURL(address)
	if err != nil {
		return nil, err
	}
	t := &Target{url: u.String(), host: u.Host}
	for _, secret := range secrets {
		key, err := decode(secret)
		if err != nil {
			return nil, err
		}
		t.secrets = append(t.secrets, key)
	}
	if len(t.secrets) == 0 {
		return nil, errors.New("no secret to sign with; name one of 32 bytes or more")
	}
	return t, nil
}

// CheckURL returns why a URL cannot be that of a receiver: it is https, or http on this
// machine, and names no user. Errors do not quote its path.
func CheckURL(address string) error {
	_, err := parseURL(address)
	return err
}

func parseURL(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return nil, errors.New("the URL of the receiver is not valid; write https://<host>/<path>")
	case u.User != nil:
		// Attack: the name and the password of the receiver are read in the configuration.
		return nil, errors.New("the URL of the receiver holds a user; leave it out, because the signature tells the receiver who sends")
	case u.Scheme == "http" && !isLoopback(u.Hostname()), u.Scheme != "http" && u.Scheme != "https":
		// Attack: read on the network who logs out, and when.
		return nil, fmt.Errorf("the URL of the receiver at %s is not https; plain http is for this machine only", u.Host)
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

func isLoopback(host string) bool { return host == "localhost" || net.ParseIP(host).IsLoopback() }

// decode returns the bytes of a secret.
func decode(secret string) ([]byte, error) {
	encoded, isEncoded := strings.CutPrefix(secret, encodedPrefix)
	if !isEncoded {
		if len(secret) < minText {
			return nil, fmt.Errorf("a secret of %d bytes, want %d or more; make one with: openssl rand -hex 32", len(secret), minText)
		}
		return []byte(secret), nil
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case err != nil:
		return nil, errors.New("a secret that begins with whsec_ is not base64 after that; make one with: openssl rand -base64 32")
	case len(key) < minRandom:
		return nil, fmt.Errorf("a secret of %d random bytes, want %d or more; make one with: openssl rand -base64 32", len(key), minRandom)
	}
	return key, nil
}

// equal reports whether both send the same to the same receiver.
func (t *Target) equal(other *Target) bool {
	if t == nil || other == nil || t.url != other.url || len(t.secrets) != len(other.secrets) {
		return t == other
	}
	for i := range t.secrets {
		if subtle.ConstantTimeCompare(t.secrets[i], other.secrets[i]) != 1 {
			return false
		}
	}
	return true
}

// sign returns the field webhook-signature: one signature for each secret.
func (t *Target) sign(id, timestamp string, body []byte) string {
	signatures := make([]string, len(t.secrets))
	for i, secret := range t.secrets {
		mac := hmac.New(sha256.New, secret)
		_, _ = mac.Write([]byte(id + "." + timestamp + "."))
		_, _ = mac.Write(body)
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(signatures, " ")
}
