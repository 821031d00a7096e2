package identity

import (
	"bufio"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// cgiName returns the variable for a field in the environment of a CGI program, for servers
// that keep only letters and digits.
func cgiName(field string) string {
	variable := []byte("HTTP_" + strings.ToUpper(field))
	for i, c := range variable {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			variable[i] = '_'
		}
	}
	return string(variable)
}

// Attack: the upstream reads a client's field as a field that tells who the user is, or a
// Connection field makes the proxy drop the gate's own. Other fields must not change.
func FuzzIdentity(f *testing.F) {
	for _, fields := range []string{
		"Remote-User: root", "REMOTE_USER: root\nremote.groups: wheel", "Remote~User: root\nRemote-Users: a", "Connection: close, Remote-User , x",
		"Connection: remote_user\nConnection: keep-alive,REMOTE-EMAIL", "X-Pomerium-Claim-Sub: root", "x_pomerium.claim-anything: root", "X-Pomerium-Claim: x",
		"Trailer: Remote-User\nTransfer-Encoding: chunked", "Remote-User : root", "Remote--User: a", "Connection: \"Remote-User\"", "Remote'Name: x",
	} {
		f.Add(fields)
	}
	owners := map[string]*Headers{}
	for _, preset := range []string{"authelia", "pomerium", "oauth2_proxy"} {
		owners[preset] = mustHeaders(f, &Config{Preset: preset})
	}
	f.Fuzz(func(t *testing.T, fields string) {
		lines := "POST / HTTP/1.1\r\nHost: gate\r\n" + strings.ReplaceAll(fields, "\n", "\r\n") + "\r\n\r\n0\r\n\r\n"
		for preset, h := range owners {
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(lines)))
			if err != nil {
				return
			}
			owned := func(name string) bool {
				variable := cgiName(name)
				return preset == "pomerium" && strings.HasPrefix(variable, "HTTP_X_POMERIUM_CLAIM_") ||
					slices.ContainsFunc(presets[preset], func(f field) bool { return cgiName(f.name) == variable })
			}
			before := maps.Clone(r.Header)
			h.Strip(r, nil)
			for name, values := range before {
				now, there := r.Header[name]
				switch {
				case there && owned(name):
					t.Errorf("%s: %q, which is %s, reaches the upstream", preset, name, cgiName(name))
				case name != "Connection" && !owned(name) && !slices.Equal(now, values):
					t.Errorf("%s: %q, which is not owned, was %q and is %q", preset, name, values, now)
				}
			}
			for member := range strings.SplitSeq(strings.Join(r.Header["Connection"], ","), ",") {
				if member = strings.Trim(member, " \t"); member != "" && owned(member) {
					t.Errorf("%s: Connection takes %q away", preset, member)
				}
			}
			if r.Trailer != nil {
				t.Errorf("%s: trailers reach the upstream: %v", preset, r.Trailer)
			}
		}
	})
}
