package upstreams

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// verdict is the gate's decision about a request.
type verdict string

const (
	unparsed     verdict = "not parsed" // 400 by net/http, which could not parse the target
	ambiguous    verdict = "ambiguous"  // 400 by the gate
	unauthorized verdict = "without a token"
	passed       verdict = "passed to the upstream"
	served       verdict = "served by the gate itself" // as its endpoint
)

// Attack: any path that the gate passes to the upstream, and a reader behind it reads as
// the endpoint. The readers are the real ones: the libraries of Go, Node.js, Python and
// PHP, and nginx, Apache, Jetty, uWSGI and PHP's server.
func TestNoDecoderFindsTheEndpointInWhatTheGatePasses(t *testing.T) {
	g := harness.Start(t, harness.Config{})
	targets := hostileTargets(*targets, *seed, hostile.endpoint)
	found := decode(t, targets, endpoint)
	verdicts := judge(t, g, targets, func(i int, target string) string {
		// A new session for each, as some targets are exactly the endpoint.
		token := g.Token(map[string]any{"sid": "session " + strconv.Itoa(i)})
		return harness.Lines("DELETE "+target+" HTTP/1.1", caseField(i), "Authorization: Bearer "+token)
	})
	compare(t, targets, found, verdicts, ambiguous)
}

// Attack: any path below a public one, for which the gate needs no token, and which a
// reader behind it reads as another path.
func TestNoDecoderLeavesThePublicPathInWhatTheGatePasses(t *testing.T) {
	g := harness.Start(t, harness.Config{Gate: "public /assets /assets/*"})
	targets := hostileTargets(*targets/2, *seed, hostile.outOfPublic)
	found := decode(t, targets, admin)
	verdicts := judge(t, g, targets, func(i int, target string) string {
		return harness.Lines("GET "+target+" HTTP/1.1", caseField(i))
	})
	compare(t, targets, found, verdicts, unauthorized)
}

// compare fails the test for each target that the gate has passed and a decoder reads as
// the wanted path. Refused targets have the verdict refused.
func compare(t *testing.T, targets []string, found map[string][]bool, verdicts []verdict, refused verdict) {
	t.Helper()
	names := slices.Sorted(maps.Keys(found))
	by, ends := make(map[verdict]int), make(map[string]int)
	missed, blocks := 0, 0
	for i, target := range targets {
		by[verdicts[i]]++
		var readers []string
		for _, name := range names {
			if found[name][i] {
				readers = append(readers, name)
				ends[name]++
			}
		}
		switch {
		case verdicts[i] == passed && len(readers) > 0:
			if missed++; missed <= 20 {
				t.Errorf("the gate passes %s, which is the wanted path to %s", shorten(target), strings.Join(readers, ", "))
			}
		case verdicts[i] == refused && len(readers) == 0:
			blocks++
		}
	}
	if missed > 20 {
		t.Errorf("and %d more", missed-20)
	}
	t.Logf("%d targets of seed %d: %v", len(targets), *seed, by)
	t.Logf("no decoder takes %d of the refused ones for the wanted path", blocks)
	if by[passed] == 0 || by[refused] == 0 {
		t.Error("the gate passed none or refused none, so that nothing was compared")
	}
	for v := range by {
		if v != passed && v != refused && v != served && v != unparsed {
			t.Errorf("%d have the verdict %q", by[v], v)
		}
	}
	for _, name := range names {
		t.Logf("%5d end at the wanted path for %s", ends[name], name)
		if ends[name] == 0 {
			t.Errorf("no target ends at the wanted path for %s, so that it compared nothing", name)
		}
	}
}

func caseField(i int) string { return "X-Case: " + strconv.Itoa(i) }

// judge sends a request for each target, and returns the verdicts.
func judge(t *testing.T, g *harness.Gate, targets []string, text func(i int, target string) string) []verdict {
	t.Helper()
	verdicts := make([]verdict, len(targets))
	var wait sync.WaitGroup
	const connections = 4
	for c := range connections {
		var mine []string
		for i := c; i < len(targets); i += connections {
			mine = append(mine, targets[i])
		}
		wait.Go(func() {
			err := overConnection(g.Addr(), mine, func(k int) string {
				return text(c+k*connections, mine[k])
			}, func(k int, reader *bufio.Reader) (last bool, err error) {
				verdicts[c+k*connections], last, err = readVerdict(reader)
				return last, err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	reached := make(map[string]bool)
	for _, one := range g.Upstream.Take() {
		reached[one.Header.Get("X-Case")] = true
	}
	for i, v := range verdicts {
		if reached[strconv.Itoa(i)] != (v == passed) {
			t.Errorf("%s has the verdict %q, and reached the upstream: %t", shorten(targets[i]), v, reached[strconv.Itoa(i)])
		}
	}
	return verdicts
}

func readVerdict(reader *bufio.Reader) (v verdict, last bool, err error) {
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		return "", true, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", true, err
	}
	text := string(body)
	switch {
	case response.StatusCode == 200 && text == harness.UpstreamBody:
		v = passed
	case response.StatusCode == 200:
		v = served
	case response.StatusCode == 400 && strings.Contains(text, `"invalid_request"`):
		v = ambiguous
	case response.StatusCode == 400 && !strings.HasPrefix(text, "{"):
		v = unparsed
	case response.StatusCode == 401:
		v = unauthorized
	default:
		return "", true, fmt.Errorf("answer is %d %q", response.StatusCode, text)
	}
	return v, response.Close, nil
}

// shorten makes long targets readable.
func shorten(target string) string {
	if len(target) > 160 {
		return fmt.Sprintf("%q … (%d bytes) … %q", target[:60], len(target), target[len(target)-60:])
	}
	return strconv.Quote(target)
}
