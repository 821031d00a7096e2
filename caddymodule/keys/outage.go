package keys

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
)

// outage holds the errors of Verify and Await while a key set cannot be fetched. They are made
// once for each failure, not for each token.
type outage struct {
	// why is the text of the failure, "" if none has failed.
	why string
	// neverLoaded: there are no keys.
	neverLoaded error
	// lapsed: the last good keys are too old.
	lapsed error
	// mayBeNew: the issuer could not be asked for the `kid`.
	mayBeNew error
}

// newOutage returns the errors for a failed fetch. why is its text, "" if none has failed.
func newOutage(why string) *outage {
	because := ""
	if why != "" {
		because = ", because " + why
	}
	unavailable := func(rule string) error { return fmt.Errorf("verifying token: %s%s: %w", rule, because, ErrUnavailable) }
	return &outage{
		why:         why,
		neverLoaded: unavailable("the key set was never loaded"),
		lapsed:      unavailable(fmt.Sprintf("the key set could not be confirmed for %s", MaxAge)),
		mayBeNew:    unavailable("kid is unknown, and the key set could not be asked for it"),
	}
}

// noOutage are the errors if no fetch has failed.
var noOutage = newOutage("")

// explained returns the text of a failed fetch, as it may be logged, and the word of the
// configuration that may help.
func explained(err error) string {
	text := loggable(err.Error())
	var authority x509.UnknownAuthorityError
	var status statusError
	switch {
	case errors.As(err, &authority):
		return text + "; tls_ca names the authority of the issuer's server"
	case errors.Is(err, errOtherIssuer) && strings.ContainsAny(err.Error(), "{}"):
		return text + "; for the tokens of many tenants use wildcard, and name the keys with jwks"
	case errors.Is(err, errOtherIssuer):
		return text + "; write the issuer exactly so if the tokens do, or name the keys with jwks"
	case errors.As(err, &status):
		return text + "; compare the URL, or name that of the key set with jwks"
	case isOutOfReach(err):
		return text + "; if the gate cannot reach the issuer, jwks_file reads its key set from a file"
	default:
		return text
	}
}

// isOutOfReach reports whether there was no connection: no such name, nobody who listens, or no
// answer in time.
func isOutOfReach(err error) bool {
	var name *net.DNSError
	var number syscall.Errno
	var network net.Error
	return errors.As(err, &name) || errors.As(err, &number) || errors.As(err, &network) && network.Timeout()
}

// statusError is an answer with another status than 200.
type statusError int

// Error implements error.
func (s statusError) Error() string { return fmt.Sprintf("status %d", int(s)) }

// errOtherIssuer: a discovery document is about another issuer.
var errOtherIssuer = errors.New("comparing issuer")
