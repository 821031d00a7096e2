package credential_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/credential"
)

var inProtocol = credential.Places{Header: "Authorization", Cookie: "at", Protocol: "bearer"}

func TestATokenAmongTheSubprotocolsIsFoundAndTaken(t *testing.T) {
	const field = "Sec-WebSocket-Protocol"
	for name, test := range map[string]struct {
		fields            []string
		raw, rest, chosen string
		err               error
	}{
		"a pair":                    {[]string{field, "bearer, a.b.c"}, "a.b.c", "", "bearer", nil},
		"a pair among others":       {[]string{field, "graphql-ws,bearer , a.b.c,  v2"}, "a.b.c", "graphql-ws, v2", "graphql-ws", nil},
		"a pair in two fields":      {[]string{field, "chat, bearer", field, "a.b.c"}, "a.b.c", "chat", "chat", nil},
		"one entry":                 {[]string{field, "bearer.a.b.c"}, "a.b.c", "", "bearer", nil},
		"one entry among others":    {[]string{field, "chat, bearer.a.b.c"}, "a.b.c", "chat", "chat", nil},
		"one entry and the prefix":  {[]string{field, "bearer, bearer.a.b.c"}, "a.b.c", "", "bearer", nil},
		"the prefix at the end":     {[]string{field, "bearer.a.b.c, bearer"}, "a.b.c", "", "bearer", nil},
		"no field":                  {nil, "", "", "", credential.ErrMissing},
		"other subprotocols":        {[]string{field, "chat, v2.example.com"}, "", "chat, v2.example.com", "", credential.ErrMissing},
		"a prefix without a token":  {[]string{field, "chat, bearer"}, "", "chat, bearer", "", credential.ErrMissing},
		"an empty token":            {[]string{field, "bearer, ,"}, "", "bearer, ,", "", credential.ErrMissing},
		"two pairs":                 {[]string{field, "bearer, a.b.c, bearer, d.e.f"}, "", "", "bearer", credential.ErrSeveral},
		"a pair and one entry":      {[]string{field, "bearer, a.b.c, bearer.d.e.f"}, "", "", "bearer", credential.ErrSeveral},
		"beside a header":           {[]string{field, "bearer, a.b.c", "Authorization", "Bearer d.e.f"}, "", "", "bearer", credential.ErrSeveral},
		"beside a cookie":           {[]string{field, "bearer, a.b.c", "Cookie", "at=d.e.f"}, "", "", "bearer", credential.ErrSeveral},
		"beside a hidden cookie":    {[]string{field, "bearer, a.b.c", "Cookie", "AT=d.e.f"}, "", "", "bearer", credential.ErrSeveral},
		"what is no token":          {[]string{field, "bearer, chat"}, "chat", "", "bearer", nil}, // the verifier refuses it
		"another field of the name": {[]string{field, "chat", "Authorization", "Bearer a.b.c"}, "a.b.c", "chat", "", nil},
	} {
		e, r := credential.NewExtractor(inProtocol), request(test.fields...)
		raw, source, err := e.Extract(r)
		if raw != test.raw || !errors.Is(err, test.err) || err == nil && (source == credential.SourceProtocol) != (test.chosen != "") {
			t.Errorf("%s: Extract = %q from %v, %v, want %q, %v", name, raw, source, err, test.raw, test.err)
		}
		if chosen := e.TakeOffered(r.Header); chosen != test.chosen || strings.Join(r.Header["Sec-Websocket-Protocol"], "|") != test.rest {
			t.Errorf("%s: %q remains and %q is chosen, want %q, %q", name, r.Header["Sec-Websocket-Protocol"], chosen, test.rest, test.chosen)
		}
	}
}

// Attack: beside the valid token, a revoked one for an application that ignores letter case,
// that takes whatever looks like a token, or that reads names of fields as CGI does.
func TestAHiddenTokenAmongTheSubprotocolsIsRefused(t *testing.T) {
	revoked := "a." + strings.Repeat("f", 60) + ".c"
	for _, hidden := range [][]string{
		{"Sec-WebSocket-Protocol", "bearer, a.b.c, Bearer, " + revoked},
		{"Sec-WebSocket-Protocol", "BEARER, d.e.f, bearer, a.b.c"},
		{"Sec-WebSocket-Protocol", "bearer, a.b.c, Bearer.d.e.f"},
		{"Sec-WebSocket-Protocol", revoked + ", bearer, a.b.c"},
		{"Sec-WebSocket-Protocol", "bearer, a.b.c, " + revoked},
		{"Sec-WebSocket-Protocol", "bearer, a.b.c", "Sec_WebSocket_Protocol", "bearer, d.e.f"},
		{"Sec-WebSocket-Protocol", "bearer, " + revoked + ", Token." + revoked},
	} {
		e := credential.NewExtractor(inProtocol)
		if raw, _, err := e.Extract(request(hidden...)); raw != "" || !errors.Is(err, credential.ErrSeveral) {
			t.Errorf("%q: Extract = %q, %v, want ErrSeveral", hidden, raw, err)
		}
	}
	places := inProtocol
	places.Optional = true
	e := credential.NewExtractor(places)
	if _, _, err := e.Extract(request("Sec-WebSocket-Protocol", "Bearer, d.e.f")); !errors.Is(err, credential.ErrSeveral) {
		t.Errorf("where tokens are optional: %v, want ErrSeveral", err)
	}
}
