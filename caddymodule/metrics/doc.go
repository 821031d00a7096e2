// Package metrics counts what gates do, and shows the counts and the state of a gate to
// Prometheus. docs/metrics.md lists the metrics.
//
// Counts are plain numbers of the whole process. They know nothing of Prometheus, so that a
// request pays for an addition at most, and they go on when the configuration is reloaded. A
// Collector reads them when somebody asks for the metrics, together with the state of the hub
// and of the keys. Each configuration has its own Collector, because Caddy has a new registry
// for each.
//
// The package decides nothing, logs nothing and makes no label of anything that a client
// sends.
package metrics
