package metrics

import "github.com/prometheus/client_golang/prometheus"

// prefix is the prefix of the names of all metrics.
const prefix = "caddy_session_gate_"

// Type is the type of a metric.
type Type string

// The types.
const (
	Counter   Type = "counter"
	Gauge     Type = "gauge"
	Histogram Type = "histogram"
)

// Family is one metric.
type Family struct {
	// Name is the whole name.
	Name   string
	Type   Type
	Labels []string
	// Help is what the metric tells, in one sentence.
	Help string

	desc *prometheus.Desc
}

const (
	durationName = "revocation_duration_seconds"
	durationHelp = "How long a call that revokes took until the revocation held at every gate."
)

func newFamily(name string, t Type, help string, labels ...string) *Family {
	return &Family{prefix + name, t, labels, help, prometheus.NewDesc(prefix+name, help, labels, nil)}
}

// The metrics, in the order of docs/metrics.md.
var (
	requestsTotal = newFamily("requests_total", Counter,
		"Requests to the gate, each counted once.", "outcome")
	verificationsTotal = newFamily("token_verifications_total", Counter,
		"Access tokens that were found in the cache, verified or refused.", "result")
	revocationsTotal = newFamily("revocations_total", Counter,
		"Revocations that this gate made; a pending one counts as everywhere as well, later.", "kind", "source", "result")
	revocationDuration = newFamily(durationName, Histogram, durationHelp)
	revocationsHeld    = newFamily("revocations_held", Gauge,
		"Revocations that this gate holds in memory.", "kind")
	revocationsPending = newFamily("revocations_pending", Gauge,
		"Revocations made by this gate that are not confirmed at every gate; the gate retries them.")
	setBytes = newFamily("set_bytes", Gauge,
		"Memory of the revocations that this gate holds.")
	fenced = newFamily("fenced", Gauge,
		"1 if the gate refuses every guarded request, because it cannot prove that its revocations are fresh.")
	fencedSecondsTotal = newFamily("fenced_seconds_total", Counter,
		"How long gates of this process were fenced, the time before their first sync included.")
	leaseRemaining = newFamily("lease_remaining_seconds", Gauge,
		"For how long the gate can still prove that its revocations are fresh; absent with a store of one machine.")
	storeUp = newFamily("store_up", Gauge,
		"1 if the last call of the store for the revocation log succeeded.")
	storeErrorsTotal = newFamily("store_errors_total", Counter,
		"Calls of the store that failed.", "operation")
	logLag = newFamily("log_lag_entries", Gauge,
		"Entries of the revocation log that the gate knows of and has not applied.")
	clockOffset = newFamily("clock_offset_seconds", Gauge,
		"The clock of the store minus the clock of this machine, as far as the duration of a call does not explain it.")
	repairsTotal = newFamily("repairs_total", Counter,
		"Times that the gate had to read the whole revocation log once more.", "cause")
	gates = newFamily("gates", Gauge,
		"Live gates of the fleet, as this gate heard last.")
	keysHeld = newFamily("keys", Gauge,
		"Keys that verify the tokens of an issuer now.", "issuer")
	keysAge = newFamily("keys_age_seconds", Gauge,
		"Time since the keys of an issuer were last fetched, of the oldest if there are several sources; 0 if none is fetched, absent if one never was.", "issuer")
	keyFetchesTotal = newFamily("key_fetches_total", Counter,
		"Fetches of the keys of an issuer.", "issuer", "result")
	streamsRunning = newFamily("streams", Gauge,
		"Admitted requests that are running: streams, downloads, and ordinary requests.")
	streamsCutTotal = newFamily("streams_cut_total", Counter,
		"Running requests that were cut.", "cause")
	sessionsSeen = newFamily("sessions_seen", Gauge,
		"Sessions that this gate has admitted in the last 15 to 30 minutes.")
	logoutTokensTotal = newFamily("logout_tokens_total", Counter,
		"Logout tokens that issuers have sent.", "outcome")
	tokenGrantsTotal = newFamily("token_grants_total", Counter,
		"Requests to the token endpoints of the upstream.", "outcome")
)

var families = []*Family{
	requestsTotal, verificationsTotal, revocationsTotal, revocationDuration, revocationsHeld, revocationsPending,
	setBytes, fenced, fencedSecondsTotal, leaseRemaining, storeUp, storeErrorsTotal, logLag, clockOffset, repairsTotal,
	gates, keysHeld, keysAge, keyFetchesTotal, streamsRunning, streamsCutTotal, sessionsSeen, logoutTokensTotal,
	tokenGrantsTotal,
}

// Families returns all metrics, in the order of the documentation.
func Families() []Family {
	all := make([]Family, len(families))
	for i, f := range families {
		all[i] = *f
	}
	return all
}
