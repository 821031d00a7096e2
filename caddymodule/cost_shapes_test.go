//go:build cost

package caddymodule

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/identity"
	"github.com/sessiongate/sessiongate/caddymodule/tokenendpoint/granttest"
)

// costlyGate is a gate with every option that makes it read more of a request.
func costlyGate() Gate {
	return Gate{
		Token: &TokenSource{Header: "Authorization", Cookie: "session"}, Public: []string{"/healthz", "/assets/*"},
		Identity: &identity.Config{Preset: "pomerium"}, Claims: []string{"email"}, CORS: []string{"https://app.example.com"},
		TokenEndpoint: tokenEndpoints(tokenPath, "/oauth/token.json"), SessionsEndpoint: sessionsPath, BackchannelLogout: "/v1/auth/logout",
	}
}

// hostileShape is a request that could be expensive to refuse.
type hostileShape struct {
	name, method, target, body string
	header                     http.Header
	trusted                    bool // sent by a trusted proxy
}

// Sizes that Caddy accepts by default: 16 KiB of a head, and the part of a body that the
// gate reads.
const largeHead = 15_800

// fill repeats a text to a size.
func fill(text string, size int) string { return strings.Repeat(text, size/len(text)) }

func hostileShapes(t *testing.T, g *gateTest) (shapes []hostileShape) {
	t.Helper()
	shapes = append(shapes, hostilePaths()...)
	shapes = append(shapes, hostileFields(g.mint(t, nil))...)
	shapes = append(shapes, hostileGrants(g.mint(t, map[string]any{"exp": nil}))...)
	for _, refused := range refusedTokens() {
		shapes = append(shapes, hostileShape{
			name: "token: " + refused.name, method: http.MethodGet, target: "/orders",
			header: http.Header{"Authorization": {"Bearer " + refused.token}},
		})
	}
	return append(shapes, hostileBodies(g.mint(t, map[string]any{"sid": "of the hostile"}))...)
}

func hostilePaths() (shapes []hostileShape) {
	for name, path := range map[string]string{
		"slashes":               fill("/", largeHead),
		"dot-dots":              fill("/..", largeHead) + defaultEndpoint,
		"segments and dot-dots": fill("/a", largeHead/2) + fill("/..", largeHead/2) + defaultEndpoint,
		"parameters":            fill("/v1;", largeHead),
		"escapes of escapes":    "/%" + fill("25", largeHead) + "41",
		"backslashes":           fill(`/\`, largeHead),
		"line breaks":           "/" + fill("%09", largeHead),
		"overlong forms":        "/" + fill("%c0%af", largeHead),
		"beginnings":            fill("/v1/auth", largeHead),
		"formats":               defaultEndpoint + fill(".json", largeHead),
		"letters of two cases":  "/v1/auth/" + fill("%c5%bf", largeHead),
		"a long id":             sessionsPath + "/" + fill("a", largeHead),
		"an id of slashes":      sessionsPath + "/" + fill("%2f", largeHead),
	} {
		shapes = append(shapes, hostileShape{name: "path: " + name, method: http.MethodDelete, target: path})
	}
	return shapes
}

func hostileFields(token string) (shapes []hostileShape) {
	many := make(http.Header)
	for i := range 2000 {
		many[fmt.Sprint("X-", i)] = []string{""}
	}
	listed := make([]string, 500)
	for i := range listed {
		listed[i] = "/x," + defaultEndpoint[:8]
	}
	for name, header := range map[string]http.Header{
		"thousands":              many,
		"options":                {"Connection": {fill("x,", largeHead)}},
		"options that are owned": {"Connection": {fill("x-pomerium-claim-a,", largeHead)}},
		"protocols":              {"Connection": {"upgrade"}, "Upgrade": {fill("h2c,", largeHead)}},
		"cookies":                {"Cookie": {fill("a;", largeHead)}},
		"cookies of ours":        {"Cookie": {fill("session=;", largeHead)}},
		"equals signs":           {"Cookie": {"session=x; " + fill("d=", largeHead)}},
		"names that end alike":   {"Cookie": {"session=x; " + fill("n=", largeHead)}},
		"escapes in names":       {"Cookie": {"session=x; " + fill("%6e=", largeHead)}},
		"blanks in names":        {"Cookie": {"session=x; " + fill("\u00a0=", largeHead)}},
		"names inside values":    {"Cookie": {"session=x; a=" + fill(" session=", largeHead)}},
		"one long name":          {"Cookie": {"session=x; " + fill("session", largeHead) + "="}},
		"brackets":               {"Cookie": {"session=x; " + fill("session[=", largeHead)}},
		"bearers":                {"Authorization": {"Basic " + fill("Bearer", largeHead)}, "Cookie": {"session=" + token}},
		"schemes":                {"Authorization": {fill("Basic x, ", largeHead)}},
		"credentials":            {"Authorization": listed},
		"one long origin":        {"Cookie": {"session=x"}, "Origin": {"https://" + fill("a.", largeHead)}},
	} {
		shapes = append(shapes, hostileShape{name: "fields: " + name, method: http.MethodDelete, target: defaultEndpoint, header: header})
	}
	for name, value := range map[string]string{
		"lists": fill("/,", largeHead), "commas": fill(",", largeHead), "dot-dots": "/a,b" + fill("/..", largeHead),
		"backslashes": fill(`\`, largeHead), "schemes": fill("a://b,", largeHead), "escapes": "/%" + fill("25", largeHead),
	} {
		shapes = append(shapes, hostileShape{
			name: "address: " + name, method: http.MethodDelete, target: "/orders", header: http.Header{"X-Original-Url": {value}}, trusted: true,
		})
	}
	return append(shapes, hostileShape{
		name: "address: many", method: http.MethodDelete, target: "/orders", header: http.Header{"X-Original-Url": listed, "X-Script-Name": listed}, trusted: true,
	})
}

func hostileGrants(token string) (shapes []hostileShape) {
	three := func(token string) string {
		return "refresh_token=r" + token + "&subject_token=s" + token + "&actor_token=a" + token
	}
	for name, body := range map[string]string{
		"three tokens of 20 KB":        granttest.ThreeTokens(20_000),
		"three tokens of 8 KB":         three(fill("a=b.", 8_000)),
		"three short tokens":           three("a=b.c=d"),
		"a respelt JWT":                "refresh_token=" + token + "=",
		"dots":                         "refresh_token=" + fill(".", 8_000),
		"headers":                      "refresh_token=eyJhbGciOiJIUzI1NiJ9" + fill(".e30", 8_000),
		"names of brackets":            fill("refresh_token[", 60_000) + "=a",
		"names of two cases":           fill("%c5%bf", 60_000) + "=a",
		"parameters":                   fill("a=&", 60_000),
		"empty parameters":             fill("&", 60_000),
		"escapes":                      "refresh_token=" + fill("%41", 20_000),
		"escapes of nothing":           fill("%", 60_000),
		"plus signs":                   "refresh_token=a" + fill("+", 8_000) + "b",
		"blanks before nothing":        fill("+", 60_000),
		"a name that is nearly one":    fill("refresh.token.", 60_000) + "=a",
		"a refresh of another grant":   "grant_type=password&refresh_token=" + fill("a", 8_000),
		"a grant type that never ends": "refresh_token=r&grant_type=" + fill("refresh_token", 60_000),
	} {
		shapes = append(shapes, hostileShape{
			name: "grant: " + name, method: http.MethodPost, target: tokenPath, body: body, header: http.Header{"Content-Type": {formMedia}},
		})
	}
	for name, body := range map[string]string{
		"brackets":       fill("[", 60_000),
		"objects":        fill(`{"a":`, 60_000),
		"members":        `{"refresh_token":"r"` + fill(`,"a":1`, 60_000) + `}`,
		"escapes":        `{"refresh_token":"` + fill(`\u0061`, 60_000) + `"}`,
		"forms inside":   `{"a":"` + fill("&refresh_toke=", 60_000) + `"}`,
		"names inside":   `{"a":"` + fill("refresh_token", 60_000) + `=b"}`,
		"one long name":  `{"` + fill("refresh", 60_000) + `":1}`,
		"one long value": `{"refresh_token":` + fill("9", 60_000) + `}`,
	} {
		shapes = append(shapes, hostileShape{
			name: "grant in JSON: " + name, method: http.MethodPost, target: tokenPath, body: body, header: http.Header{"Content-Type": {"application/json"}},
		})
	}
	return append(shapes, hostileShape{
		name: "grant in the query", method: http.MethodGet, target: tokenPath + "?refresh_token=" + url.QueryEscape(fill("=.", 7_000)),
	})
}

func hostileBodies(token string) (shapes []hostileShape) {
	bearer := http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
	for name, body := range map[string]string{
		"brackets":    fill("[", 4<<10),
		"members":     `{"session_id":"x"` + fill(`,"a":1`, 4000) + `}`,
		"duplicates":  `{` + fill(`"SESSION_ID":1,`, 4000) + `"a":1}`,
		"an unknown":  `{"session_id":"x"}`,
		"escapes":     `{"session_id":"` + fill(`\u0061`, 4000) + `"}`,
		"large":       fill("x", 64<<10),
		"nothing":     "nul",
		"other bytes": fill("\xff", 4<<10),
	} {
		shapes = append(shapes, hostileShape{name: "body: " + name, method: http.MethodDelete, target: defaultEndpoint, body: body, header: bearer})
	}
	for name, body := range map[string]string{
		"parameters": "logout_token=x" + fill("&a=b", 15_000), "tokens": fill("logout_token=x&", 15_000), "dots": "logout_token=" + fill(".", 8_000),
		"escapes": "logout_token=" + fill("%41", 15_000), "a large token": "logout_token=" + forged(crowded(`"alg":"ES256"`), crowded(`"iss":"x"`)),
	} {
		shapes = append(shapes, hostileShape{
			name: "logout: " + name, method: http.MethodPost, target: "/v1/auth/logout", body: body, header: http.Header{"Content-Type": {formMedia}},
		})
	}
	return shapes
}
