package documents

import (
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

func TestTheCaddyfileOfTheGuideToLogoutsIsValid(t *testing.T) {
	for _, block := range harness.Blocks(t, "docs/backchannel-logout.md") {
		if block.Language != "caddyfile" || !strings.Contains(block.Text, "backchannel_logout /v1/auth/logout") {
			t.Errorf("no test runs the block %q", block.Text)
		}
		checkCaddyfile(t, block.Text)
	}
}
