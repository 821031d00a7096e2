package command

import (
	"strings"
	"testing"
)

func TestTheCommandRefuses(t *testing.T) {
	for _, arguments := range [][]string{
		{"token"},
		{"token", "--issuer", "a"},
		{"token", "--hmac-secret-file", "a"},
		{"token", "extra"},
		{"token", "--ttl", "soon"},
		{"token", "--blockade"},
		{"blockade"},
	} {
		if printed, err := sessionGate(t, arguments...); err == nil {
			t.Errorf("%q printed %q", arguments, printed)
		}
	}
	if printed, err := sessionGate(t); err != nil || !strings.Contains(printed, "token") {
		t.Errorf("without arguments: %q, error %v", printed, err)
	}
}
