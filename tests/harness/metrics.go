package harness

import (
	"strconv"
	"strings"
	"testing"
)

// Metrics are the metrics of a gate by name and labels, without the prefix: `fenced`,
// `requests_total{outcome="admitted"}`.
type Metrics map[string]float64

// Metrics returns the present metrics of the gate, from Caddy's admin API.
func (g *Gate) Metrics(tb testing.TB) Metrics {
	tb.Helper()
	answer := g.Admin(tb, "GET", "/metrics")
	if answer.Status != 200 {
		tb.Fatalf("asking for the metrics: %d %s", answer.Status, answer.Body)
	}
	return ReadMetrics(tb, answer.Body)
}

// ReadMetrics reads the metrics of the gate in Prometheus's text.
func ReadMetrics(tb testing.TB, text string) Metrics {
	tb.Helper()
	metrics := make(Metrics)
	for line := range strings.Lines(text) {
		line, own := strings.CutPrefix(strings.TrimSpace(line), "caddy_session_gate_")
		if !own {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			tb.Fatalf("reading the metric %q: %v", line, err)
		}
		metrics[line[:at]] = value
	}
	if len(metrics) == 0 {
		tb.Fatal("the gate shows no metrics")
	}
	return metrics
}

// Since returns by how much the metrics differ from earlier ones.
func (m Metrics) Since(before Metrics) Metrics {
	changed := make(Metrics)
	for name, value := range m {
		if value != before[name] {
			changed[name] = value - before[name]
		}
	}
	return changed
}

// Check compares some of the metrics.
func (m Metrics) Check(tb testing.TB, want Metrics) {
	tb.Helper()
	for name, value := range want {
		if got, is := m[name]; !is || got != value {
			tb.Errorf("%s is %v (%t), want %v", name, got, is, value)
		}
	}
}
