package credential_test

import (
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/credential"
)

func BenchmarkExtract(b *testing.B) {
	raw := strings.Repeat("a", 60) + "." + strings.Repeat("b", 400) + "." + strings.Repeat("c", 43)
	e := credential.NewExtractor(credential.Places{Header: "Authorization", Cookie: "at"})
	header := request("Authorization", "Bearer "+raw, "Cookie", "theme=dark; lang=en")
	cookie := request("Cookie", "theme=dark; at="+raw+"; lang=en")
	b.Run("header", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := e.Extract(header); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("cookie", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := e.Extract(cookie); err != nil {
				b.Fatal(err)
			}
		}
	})
}
