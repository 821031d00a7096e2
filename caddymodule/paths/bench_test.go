package paths

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// BenchmarkPath measures the longest paths of a DELETE, for quadratic costs: eight times
// the length has to take eight times as long.
func BenchmarkPath(b *testing.B) {
	for _, size := range []int{2 << 10, 16 << 10} {
		for name, path := range map[string]string{
			"escapes":  "/%" + strings.Repeat("25", size/2) + "41",
			"dots":     strings.Repeat("/..", size/3),
			"slashes":  strings.Repeat("/", size),
			"segments": strings.Repeat("/a;", size/3),
		} {
			b.Run(fmt.Sprintf("%s/%d-KiB", name, size>>10), func(b *testing.B) {
				b.ReportAllocs()
				p, r := mustPath(b, endpoint, Options{}), &http.Request{Method: http.MethodDelete, URL: target(b, path)}
				for b.Loop() {
					_ = p.Match(r, Original{}, isDelete)
				}
			})
		}
	}
}
