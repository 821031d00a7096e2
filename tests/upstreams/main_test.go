// Package upstreams attacks real servers through the gate: gunicorn, uvicorn, hypercorn,
// waitress, uWSGI, PHP, Jetty, nginx, Apache and net/http read the requests that the gate
// passes on.
//
// Every server is required. tests/install.sh installs them.
package upstreams

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// endpoint is the gate's own path, which no server may be asked to DELETE.
const endpoint = "/v1/auth/session"

var (
	targets = flag.Int("targets", 3000, "how many hostile targets the differential test makes")
	seed    = flag.Uint64("seed", 1, "the seed of the hostile targets")
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

// run starts the servers for all tests of the package, because Java and Python
// take a second to start.
func run(m *testing.M) int {
	stop, err := startServers()
	defer stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return harness.Main(m)
}
