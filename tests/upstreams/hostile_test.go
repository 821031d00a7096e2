package upstreams

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// maxTarget is the longest hostile target: servers refuse longer ones.
const maxTarget = 7000

// joints come between two segments, and mean a slash to some reader.
var joints = []string{
	"//", "///", "/./", "/x/../", "/%2e/", "/%2E%2e/", "/x/%2e%2e/", "/x/.%2e/", "/x/y/../../", "%2F", "%2f", "%5c", "%5C", `\`, `/x\..\`, `/x/..\`,
	"/;/", ";x/", ";x=1/", ";/", "/.;x/", "/x/..;/", "/x/..;y/", "%252f", "%255c", "%c0%af", "/%c0%ae/", "/x/%c0%ae%c0%ae/", "/x/%e0%80%ae%e0%80%ae/",
	"/%09/", "%09/", "/%0a", "/%0d", "%00/", "/%00/", "/%20/", "/x/../../", "/x/..%2f", "/x%2f../", "/x/%2e%2e%2f", "/x/%252e%252e/", "/%252e/",
	"/%3f/../", "/x%3f/../", "/x?/../", "/%23/../", "/x%23/../", "/x#/../", "/..;x/", "/x/...//", "/:/../", "/x:/../", "%u002f", "/%ef%bc%8e/", "%ef%bc%8f",
}

// ends come after the last segment.
var ends = []string{
	"/", "//", "/.", "/..", "/x/..", "/x/%2e%2e", "/x/..;y", "/x/../", "/%2e", "%2f", "%2F.", "%2f..", "%5c", `\`, `\x\..`, "/;x", ";", ";x", ";x=1",
	";x/../session", ".", "..", ".json", ".JSON", "%2ejson", "%2e", "%20", "+", "%09", "%0a", "%0d", "%0d%0a", "%00", "%00.json", "%23", "%23x", "#", "#x",
	"%3f", "%3fx", "?", "?x", "?/../..", "%3f/..", "#/..", "%3b", "%3bx", "%250a", "%2500", "%c0%80", "%c2%a0", "%e2%80%8b", "/./", "/x/../.", ":", "~", "*",
}

// starts come before the first segment.
var starts = []string{
	"/", "//x", `/\x`, `\\x`, "///x", "//x:80", "//user@x", "/%2fx", "/%2f/x", "/..", "/../..", "/.", "/x/..", "/x/../..", "/%2e%2e", `/x\..`, "/;x", "/x;y/..",
	"http://gate.test", "http://gate.test/", "http://gate.test//x", "HTTP://GATE.TEST", "/http://gate.test", "/%09", "/%0a", "/%20", "//", "/x/%2e%2e", "/.;/",
}

// depths are how many directories a path enters and leaves: a reader may give up at some
// depth.
var depths = []int{1, 2, 3, 16, 32, 63, 64, 65, 100, 128, 256, 300, 1000}

// hostile creates targets that some reader may read as the endpoint. The same seed creates
// the same targets.
type hostile struct{ random *rand.Rand }

func hostileTargets(n int, seed uint64, one func(hostile) string) []string {
	h := hostile{rand.New(rand.NewPCG(seed, 0))}
	targets := make([]string, 0, n)
	known := make(map[string]bool)
	for len(targets) < n {
		target := one(h)
		if len(target) <= maxTarget && !known[target] {
			known[target] = true
			targets = append(targets, target)
		}
	}
	return targets
}

// endpoint returns the endpoint with few changes, mostly one or two. With many changes,
// hardly any reader ends there.
func (h hostile) endpoint() string {
	var b strings.Builder
	changes := 1 + h.random.IntN(3)
	segments := strings.Split(endpoint[1:], "/")
	// One place before, between, after and in each segment.
	places := 2*len(segments) + 1
	changed := make([]int, places)
	for range changes {
		changed[h.random.IntN(places)]++
	}
	if changed[0] > 0 {
		b.WriteString(h.start())
	}
	for i, segment := range segments {
		switch {
		case i == 0 || changed[2*i] == 0:
			if i > 0 || !strings.HasSuffix(b.String(), "/") {
				b.WriteString("/")
			}
		default:
			b.WriteString(h.pick(joints))
		}
		for range changed[2*i+1] {
			segment = h.alter(segment)
		}
		b.WriteString(segment)
	}
	if changed[places-1] > 0 {
		b.WriteString(h.pick(ends))
	}
	return b.String()
}

// admin is a page that is not public, and publics are paths below the public one.
const admin = "/admin"

var publics = []string{"/assets", "/assets/x", "/assets/", "/ASSETS", "/assets;x", "/assets/a.js", "/assets%2fx", "/%61ssets", "/assets/x/y"}

// leaves leave a directory for some reader.
var leaves = []string{
	"/..", "/%2e%2e", "/.%2E", "/..;", "/..;x", "/..;x=1", `\..`, `/..\..`, "%2f..", "%2F%2e%2e", "%5c..", "/x/../..", "//..", "/./..", "/%2e/..", "/;/..", "/;x/../..",
	"/%252e%252e", "%252f..", "%255c..", "/%c0%ae%c0%ae", "%c0%af..", "/..%00", "/..%09", "/.%09.", "/.%0a.", "/..%0d", "/..%20", "/..%23", "/..%3f", "/..%3bx",
	"/x?/../..", "/x#/../..", "/x%3f/../..", "/x%23/../..", "/...", "/....", "/..%2f", "/.;/..", "/%u002e%u002e", "/%ef%bc%8e%ef%bc%8e",
}

// outOfPublic returns a path that begins with a public one and leads to another page.
func (h hostile) outOfPublic() string {
	path := h.pick(publics)
	for range 1 + h.random.IntN(3) {
		path += h.pick(leaves)
	}
	if h.random.IntN(6) == 0 {
		path += h.start()
	}
	end := admin
	switch h.random.IntN(8) {
	case 0:
		end = "/" + h.alter(admin[1:])
	case 1:
		end += h.pick(ends)
	case 2:
		end = h.pick(joints) + admin[1:]
	case 3:
		return h.start() + end
	case 4:
		// Routers, which resolve nothing, find only this path.
		return "/" + h.alter(admin[1:])
	}
	return path + end
}

func (h hostile) pick(from []string) string { return from[h.random.IntN(len(from))] }

func (h hostile) start() string {
	if h.random.IntN(2) == 0 {
		return h.pick(starts)
	}
	n := depths[h.random.IntN(len(depths))]
	into := h.pick([]string{"/a", "/x", "/%61", "/v1", "/.a", "/a;x", "/auth", "/..."})
	out := h.pick([]string{"/..", "/..", "/..", "/%2e%2e", "/.%2E", "/..;", `\..`, "%2f..", "//.."})
	return strings.Repeat(into, n) + strings.Repeat(out, n)
}

// alter changes a segment, or the text around it.
func (h hostile) alter(segment string) string {
	at := h.random.IntN(len(segment))
	head, c, tail := segment[:at], segment[at], segment[at+1:]
	switch h.random.IntN(10) {
	case 0:
		return strings.ToUpper(segment)
	case 1:
		return head + strings.ToUpper(string(c)) + tail
	case 2, 3:
		return head + fmt.Sprintf("%%%02x", c) + tail
	case 4:
		return head + fmt.Sprintf("%%25%02x", c) + tail
	case 5:
		return head + h.pick([]string{"%09", "%0a", "%0d", "%00", "%20", "%c2%ad", "%e2%80%8b"}) + string(c) + tail
	case 6:
		return segment + h.pick([]string{";x", ".", "%20", "%00", "%09", "%3bx", "%2e", "%23", "~", "%3f"})
	case 7:
		return h.pick([]string{"%20", "%09", "%0a", ".", ";", "./", "x/../", "%2e/"}) + segment
	case 8:
		return segment + "/../" + segment
	default:
		return segment + h.pick([]string{"/x/..", "/.", "//.", `\.`, "%2f.", "/x/y/../.."})
	}
}
