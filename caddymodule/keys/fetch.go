package keys

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"unicode"
)

// maxDocument is the largest document that is read, in bytes, after it was unpacked.
const maxDocument = 1 << 20

// fetcher gets the documents of an issuer.
type fetcher struct {
	named        *http.Client                          // for addresses that the operator named
	found        *http.Client                          // for addresses that a document named
	proxy        func(*http.Request) (*url.URL, error) // of a request, nil for none
	insecureHTTP bool
	userAgent    string
}

// newFetcher returns a fetcher. It uses the proxies that the environment names. Only the
// client for named addresses has a proxy: the other one has to see to which address it
// connects.
func newFetcher(options RemoteOptions) (*fetcher, error) {
	f := &fetcher{proxy: http.ProxyFromEnvironment, insecureHTTP: options.InsecureHTTP, userAgent: options.UserAgent}
	var roots *x509.CertPool
	if options.CA != nil {
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM(options.CA) {
			return nil, fmt.Errorf("reading certificate authorities: no PEM block with a certificate found")
		}
	}
	f.named = dialing{roots: roots, proxy: func(r *http.Request) (*url.URL, error) { return f.proxy(r) }}.client()
	f.found = dialing{roots: roots, control: outward}.client()
	return f, nil
}

// checkURL accepts https, and http to this machine or if the operator allowed it.
func (f *fetcher) checkURL(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("checking URL: it cannot be parsed")
	case u.User != nil:
		return nil, fmt.Errorf("checking URL: it holds a user or a password")
	case u.Host == "":
		return nil, fmt.Errorf("checking URL %q: no host", shown(address))
	case u.Fragment != "":
		return nil, fmt.Errorf("checking URL %q: it has a fragment", shown(address))
	case u.Scheme == "https":
		return u, nil
	case u.Scheme == "http" && (f.insecureHTTP || isLoopback(u.Hostname())):
		return u, nil
	default:
		return nil, fmt.Errorf("checking URL %q: https is required", shown(address))
	}
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// get returns the document at a location, of at most maxDocument bytes. The Content-Type does
// not matter.
func (f *fetcher) get(ctx context.Context, from location) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from.address, nil)
	if err != nil {
		return nil, fmt.Errorf("fetching document: %w", err)
	}
	request.Header.Set("Accept", "application/json, application/jwk-set+json")
	if f.userAgent != "" {
		request.Header.Set("User-Agent", f.userAgent)
	}
	response, err := from.client.Do(request)
	if err != nil {
		// The client's own error quotes the whole URL.
		if outer := (*url.Error)(nil); errors.As(err, &outer) {
			err = outer.Err
		}
		if query := request.URL.RawQuery; query != "" && strings.Contains(err.Error(), query) {
			// The error may also quote an answer that repeats the query.
			err = errors.New("the answer cannot be read or followed, and quotes the query")
		}
		return nil, fmt.Errorf("fetching %q: %w", shown(from.address), err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetching %q: %w", shown(from.address), statusError(response.StatusCode))
	}
	// Invariant 12: the limit counts what the transport returns, which has unpacked gzip.
	// A small answer cannot become a large document.
	document, err := io.ReadAll(io.LimitReader(response.Body, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("fetching %q: %w", shown(from.address), err)
	}
	if len(document) > maxDocument {
		return nil, fmt.Errorf("fetching %q: more than %d bytes", shown(from.address), maxDocument)
	}
	return document, nil
}

// shown returns a URL as it may be logged: without the query, which may hold an API key, and
// the fragment.
func shown(address string) string {
	if i := strings.IndexAny(address, "?#"); i >= 0 {
		return address[:i]
	}
	return address
}

// maxLogged is the longest text of an error that is logged, in bytes.
const maxLogged = 400

// loggable returns the text of an error as it may be logged.
//
// Attack: the errors of the HTTP and TLS libraries quote what the endpoint sent, up to a whole
// header. A hostile endpoint writes lines of its own into the log, or moves the cursor of the
// terminal that shows it. So the text is cut, and only printable characters are left.
func loggable(text string) string {
	if len(text) > maxLogged {
		text = strings.ToValidUTF8(text[:maxLogged], "") + "…"
	}
	return printable(text)
}

// printable replaces all characters that are not printable.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}
