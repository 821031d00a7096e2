package metrics

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/metrics/metricstest"
	"github.com/sessiongate/sessiongate/store"
)

// newCollector returns a collector of a hub that is not open, with issuers of one secret each.
func newCollector(tb testing.TB, issuers ...string) (*Collector, *Counts) {
	tb.Helper()
	o := Options{Counts: NewCounts()}
	o.Hub = hub.New(hub.Options{Counters: &o.Counts.Hub})
	for _, name := range issuers {
		secret, err := keys.NewHMAC([]byte(strings.Repeat("s3cret", 8)))
		if err != nil {
			tb.Fatal(err)
		}
		o.Issuers = append(o.Issuers, Issuer{name, secret})
	}
	return NewCollector(o), o.Counts
}

// Every metric is shown from the start, with every value of its labels: a rate over a series that
// begins with its first event misses that event. Only a gate with a lease shows what is left of it.
func TestEveryMetricIsShownFromTheStart(t *testing.T) {
	c, _ := newCollector(t, "https://a")
	values := metricstest.Collect(t, c)
	for _, f := range Families() {
		name := strings.TrimPrefix(f.Name, prefix)
		shown := slices.ContainsFunc(slices.Collect(maps.Keys(values)), func(key string) bool {
			return key == name || strings.HasPrefix(key, name+"{") || key == name+"_count"
		})
		if shown != (f.Name != leaseRemaining.Name) {
			t.Errorf("%s is shown: %t", f.Name, shown)
		}
	}
	for key, value := range values {
		known := key == "fenced" || key == "gates" || strings.HasPrefix(key, "keys{")
		if want := 0.0; !known && value != want {
			t.Errorf("%s is %v, want %v", key, value, want)
		}
	}
	for name, want := range map[string]int{"requests_total": 16, "revocations_total": 4 * 5 * 2, "token_verifications_total": 3, "key_fetches_total": 2} {
		series := 0
		for key := range values {
			if strings.HasPrefix(key, name+"{") {
				series++
			}
		}
		if series != want {
			t.Errorf("%s has %d series, want %d", name, series, want)
		}
	}
}

// The names, units and texts are as Prometheus recommends.
func TestTheMetricsPassTheLinter(t *testing.T) {
	c, _ := newCollector(t, "https://a")
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	gathered, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(gathered).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
	for _, f := range families {
		if !strings.HasSuffix(f.Help, ".") {
			t.Errorf("%s: help is no sentence: %s", f.Name, f.Help)
		}
	}
}

// Fault: the name of an issuer is no UTF-8, and the gate shows no metric at all.
func TestAnIssuerWithAStrangeNameHidesNothing(t *testing.T) {
	c, _ := newCollector(t, "https://a\xff\n\"")
	if values := metricstest.Collect(t, c); values["keys{issuer=\"https://a�\\n\\\"\"}"] != 1 {
		t.Errorf("the values are %v", values)
	}
}

// Two configurations are alive during a reload. Each has its collector and its registry, and both
// show the counts of the process.
func TestTwoCollectorsShareTheCounts(t *testing.T) {
	old, counts := newCollector(t, "https://a")
	next := NewCollector(Options{Counts: counts, Hub: hub.New(hub.Options{Counters: &counts.Hub})})
	counts.Count(Public)
	counts.Revoked(hub.Outcome{
		Cause: hub.Cause{Source: store.SourceAdmin}, Took: 3 * time.Millisecond,
		Revocations: []store.Revocation{{Kind: store.KindToken}, {Kind: store.KindSession}},
	})
	counts.Pending(hub.Outcome{Cause: hub.Cause{Source: store.SourceIssuer}, Revocations: []store.Revocation{{Kind: store.KindSubject}}})
	for _, c := range []*Collector{old, next} {
		values := metricstest.Collect(t, c)
		for name, want := range map[string]float64{
			`requests_total{outcome="public"}`:                                     1,
			`revocations_total{kind="token",result="everywhere",source="admin"}`:   1,
			`revocations_total{kind="session",result="everywhere",source="admin"}`: 1,
			`revocations_total{kind="subject",result="pending",source="issuer"}`:   1,
			`revocation_duration_seconds_count`:                                    1,
			`revocation_duration_seconds_bucket{le="0.0025"}`:                      0,
			`revocation_duration_seconds_bucket{le="0.005"}`:                       1,
		} {
			if values[name] != want {
				t.Errorf("%s is %v, want %v", name, values[name], want)
			}
		}
		if n := values.Sum("revocations_total"); n != 3 {
			t.Errorf("%v revocations, want 3", n)
		}
	}
}

// Revocations that a newer version of the log brings have no label of their own.
func TestUnknownRevocationsAreNotCounted(t *testing.T) {
	c, counts := newCollector(t)
	for _, source := range []store.Source{0, 99} {
		counts.Revoked(hub.Outcome{Cause: hub.Cause{Source: source}, Revocations: []store.Revocation{{Kind: 77}, {Kind: store.KindToken}}})
	}
	if n := metricstest.Collect(t, c).Sum("revocations_total"); n != 0 {
		t.Errorf("counted %v", n)
	}
}

// BenchmarkScrape measures a request for the metrics of a gate with 20 issuers.
func BenchmarkScrape(b *testing.B) {
	var issuers []string
	for i := range 20 {
		issuers = append(issuers, fmt.Sprintf("https://id.example.com/realms/tenant-%d", i))
	}
	c, _ := newCollector(b, issuers...)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	handler := promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	b.ReportAllocs()
	size, series := 0, 0
	for b.Loop() {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		size, series = w.Body.Len(), strings.Count(w.Body.String(), "\n"+prefix)
	}
	b.ReportMetric(float64(size), "bytes")
	b.ReportMetric(float64(series), "series")
}
