package credential_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/credential"
)

// Attack: where tokens are optional, a request without a credential goes upstream. It holds
// a revoked token that the gate does not find, and the application does.
func TestAHiddenTokenIsRefusedWhereTokensAreOptional(t *testing.T) {
	revoked := "a." + strings.Repeat("f", 60) + ".c"
	cookie, field := credential.Places{Header: "Authorization", Cookie: "at"}, credential.Places{Header: "X-Access-Token"}
	for name, test := range map[string]struct {
		places credential.Places
		fields []string
		hidden bool
	}{
		"nothing":                      {cookie, nil, false},
		"other cookies":                {cookie, []string{"Cookie", "theme=dark; bat=" + revoked}, false},
		"another scheme":               {cookie, []string{"Authorization", "Basic YTpi"}, false},
		"an empty credential":          {cookie, []string{"Authorization", "Bearer", "Cookie", "at="}, false},
		"another field":                {field, []string{"X-Access", revoked}, false},
		"a cookie in other letters":    {cookie, []string{"Cookie", "AT=" + revoked}, true},
		"an array":                     {cookie, []string{"Cookie", "at[]=" + revoked}, true},
		"a percent-encoded name":       {cookie, []string{"Cookie", "%61t=" + revoked}, true},
		"inside another cookie":        {cookie, []string{"Cookie", "x=1, at=" + revoked}, true},
		"a scheme in a list":           {cookie, []string{"Authorization", "Basic x, Bearer a.b.c"}, true},
		"another scheme with a token":  {cookie, []string{"Authorization", "Token " + revoked}, true},
		"the field's name in CGI":      {field, []string{"X_Access_Token", revoked}, true},
		"the same beside an empty one": {field, []string{"X-Access-Token", "", "X_Access_Token", revoked}, true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, optional := range []bool{false, true} {
				test.places.Optional = optional
				e, want := credential.NewExtractor(test.places), credential.ErrMissing
				if test.hidden && optional {
					want = credential.ErrSeveral
				}
				if raw, source, err := e.Extract(request(test.fields...)); raw != "" || source != credential.SourceNone || !errors.Is(err, want) {
					t.Errorf("optional %t: Extract = %q, %v, %v, want %v", optional, raw, source, err, want)
				}
			}
		})
	}
}
