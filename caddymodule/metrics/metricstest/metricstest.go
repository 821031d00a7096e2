// Package metricstest reads metrics as Prometheus would, for tests.
package metricstest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// Values are the values of metrics by their names and labels, without the prefix of the gate:
// `fenced`, `requests_total{outcome="admitted"}`. A histogram has the values of its `_count`, its
// `_sum` and its `_bucket`s.
type Values map[string]float64

// Gather collects the metrics of the gate that are registered. Problems of the metrics fail the test.
func Gather(tb testing.TB, from prometheus.Gatherer) Values {
	tb.Helper()
	families, err := from.Gather()
	if err != nil {
		tb.Fatalf("gathering: %v", err)
	}
	values := make(Values)
	for _, family := range families {
		name, own := strings.CutPrefix(family.GetName(), "caddy_session_gate_")
		if !own {
			continue
		}
		for _, metric := range family.GetMetric() {
			var labels []string
			for _, label := range metric.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", label.GetName(), label.GetValue()))
			}
			of := func(suffix string, more ...string) string {
				if all := append(labels, more...); len(all) > 0 {
					return name + suffix + "{" + strings.Join(all, ",") + "}"
				}
				return name + suffix
			}
			switch {
			case metric.GetHistogram() != nil:
				h := metric.GetHistogram()
				values[of("_count")], values[of("_sum")] = float64(h.GetSampleCount()), h.GetSampleSum()
				for _, bucket := range h.GetBucket() {
					values[of("_bucket", fmt.Sprintf("le=%q", fmt.Sprint(bucket.GetUpperBound())))] = float64(bucket.GetCumulativeCount())
				}
			case metric.GetCounter() != nil:
				values[of("")] = metric.GetCounter().GetValue()
			default:
				values[of("")] = metric.GetGauge().GetValue()
			}
		}
	}
	return values
}

// Collect collects from one collector, with the checks of a pedantic registry.
func Collect(tb testing.TB, c prometheus.Collector) Values {
	tb.Helper()
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(c); err != nil {
		tb.Fatalf("registering: %v", err)
	}
	return Gather(tb, registry)
}

// Sum adds the values of a metric over all its labels.
func (v Values) Sum(name string) (sum float64) {
	for key, value := range v {
		if key == name || strings.HasPrefix(key, name+"{") {
			sum += value
		}
	}
	return sum
}

// Since returns the values that differ from earlier ones, as differences.
func (v Values) Since(before Values) Values {
	changed := make(Values)
	for key, value := range v {
		if value != before[key] {
			changed[key] = value - before[key]
		}
	}
	return changed
}
