// Package providers holds black-box tests of the gate with a real identity provider: npm's
// oidc-provider, which is certified by the OpenID Foundation. A browser logs in at the
// provider and uses its tokens at the gate. Token shapes of other providers are not tested
// here.
package providers

import (
	"fmt"
	"os"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

func TestMain(m *testing.M) {
	remove, err := install()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := harness.MainParallel(m)
	remove()
	os.Exit(code)
}
