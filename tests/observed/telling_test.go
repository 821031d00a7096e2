package observed

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/sessiongate/sessiongate/tests/harness"
)

var (
	// unhealthy are gauges by the names of their metrics, and which values a healthy gate does
	// not have.
	unhealthy = map[string]func(value float64) bool{
		"fenced":              func(v float64) bool { return v == 1 },
		"store_up":            func(v float64) bool { return v == 0 },
		"revocations_pending": func(v float64) bool { return v > 0 },
		"keys":                func(v float64) bool { return v == 0 },
	}
	// counters are those that rise with a fault, and the label that says which.
	counters = map[string]string{
		"store_errors_total": "", "repairs_total": "cause", "requests_total": "outcome", "key_fetches_total": "result",
	}
	// healthy are the values of these labels that rise without a fault, too.
	healthy = []string{"admitted", "own", "ok"}
	labels  = regexp.MustCompile(`(\w+)="([^"]*)"`)
)

// telling returns the metrics by which a gate tells of a fault: those that a healthy gate does
// not have. Counters count since an earlier moment.
func telling(now, before harness.Metrics) (told []string) {
	for series, value := range now {
		name, rest, _ := strings.Cut(series, "{")
		if fault := unhealthy[name]; fault != nil && fault(value) {
			told = append(told, fmt.Sprintf("`%s` %v", name, value))
		}
		label, counts := counters[name]
		if !counts || value == before[series] {
			continue
		}
		for _, pair := range labels.FindAllStringSubmatch(rest, -1) {
			if pair[1] == label && !slices.Contains(healthy, pair[2]) {
				told = append(told, fmt.Sprintf("`%s{%s}` rises", name, pair[0]))
			}
		}
		if label == "" {
			told = append(told, fmt.Sprintf("`%s` rises", name))
		}
	}
	switch offset := now["clock_offset_seconds"]; {
	case offset > 30:
		told = append(told, "`clock_offset_seconds` above 30")
	case offset < -30:
		told = append(told, "`clock_offset_seconds` below -30")
	}
	slices.Sort(told)
	return slices.Compact(told)
}
