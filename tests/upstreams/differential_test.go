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
	"time"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// verdict is what the gate made of a DELETE.
type verdict int

const (
	unparsed verdict = iota // 400 by net/http, which could not parse the target
	refused                 // 400 by the gate
	passed                  // to the upstream
	served                  // by the gate, as its endpoint
)

// Attack: any path that the gate takes for one of the upstream's, and a reader
// behind it takes for the endpoint. The readers are the real ones: the libraries
// of Go, Node.js, Python and PHP, and nginx, Apache, Jetty, uWSGI and PHP's server.
func TestNoDecoderFindsTheEndpointInWhatTheGatePasses(t *testing.T) {
	began := time.Now()
	hostile := hostileTargets(*targets, *seed)
	found := decode(t, hostile)
	decoded := time.Since(began)
	verdicts := judge(t, hostile)
	names := slices.Sorted(maps.Keys(found))
	t.Logf("%d targets of seed %d; decoding took %v, the gate %v",
		len(hostile), *seed, decoded.Round(time.Millisecond), (time.Since(began) - decoded).Round(time.Millisecond))

	by := make(map[verdict]int)
	blocks, missed := 0, 0
	for i, target := range hostile {
		var readers []string
		for _, name := range names {
			if found[name][i] {
				readers = append(readers, name)
			}
		}
		by[verdicts[i]]++
		switch {
		case verdicts[i] == passed && len(readers) > 0:
			missed++
			if missed <= 40 {
				t.Errorf("the gate passes DELETE %s, which is the endpoint to %s", shorten(target), strings.Join(readers, ", "))
			}
		case verdicts[i] == refused && len(readers) == 0:
			blocks++
		}
	}
	if missed > 40 {
		t.Errorf("and %d more", missed-40)
	}
	t.Logf("the gate passed %d, refused %d, served %d itself; net/http could not parse %d",
		by[passed], by[refused], by[served], by[unparsed])
	t.Logf("the gate refused %d that no decoder takes for the endpoint", blocks)
	if by[passed] == 0 || by[refused] == 0 {
		t.Error("the gate passed none or refused none, so that nothing was compared")
	}
	for _, name := range names {
		n := 0
		for _, ends := range found[name] {
			if ends {
				n++
			}
		}
		t.Logf("%5d end at the endpoint for %s", n, name)
		if n == 0 {
			t.Errorf("no target ends at the endpoint for %s, so that it compared nothing", name)
		}
	}
}

// judge sends a DELETE of each target through a gate, with a good token of a
// session of its own, and returns what became of it.
func judge(t *testing.T, targets []string) []verdict {
	t.Helper()
	g := harness.Start(t, harness.Config{})
	verdicts := make([]verdict, len(targets))
	var wait sync.WaitGroup
	const connections = 4
	for c := range connections {
		var mine []string
		for i := c; i < len(targets); i += connections {
			mine = append(mine, targets[i])
		}
		n := 0
		text := func(target string) string {
			i := c + n*connections
			n++
			return harness.Lines("DELETE "+target+" HTTP/1.1", "X-Case: "+strconv.Itoa(i),
				"Authorization: Bearer "+g.Token(map[string]any{"sid": "session " + strconv.Itoa(i)}))
		}
		wait.Go(func() {
			err := overConnection(g.Addr(), mine, text, func(k int, reader *bufio.Reader) (last bool, err error) {
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
			t.Errorf("DELETE %s has the verdict %d, and reached the upstream: %v", shorten(targets[i]), v, reached[strconv.Itoa(i)])
		}
	}
	return verdicts
}

func readVerdict(reader *bufio.Reader) (v verdict, last bool, err error) {
	response, err := http.ReadResponse(reader, &http.Request{Method: "DELETE"})
	if err != nil {
		return 0, true, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, true, err
	}
	text := string(body)
	switch {
	case response.StatusCode == 200 && text == harness.UpstreamBody:
		v = passed
	case response.StatusCode == 200:
		v = served
	case response.StatusCode == 400 && strings.Contains(text, `"invalid_request"`):
		v = refused
	case response.StatusCode == 400 && !strings.HasPrefix(text, "{"):
		v = unparsed
	default:
		return 0, true, fmt.Errorf("answer is %d %q", response.StatusCode, text)
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
