package operator

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/store/replica"
)

// fleetOf returns the replica of an open gate, to change settings of its fleet.
func fleetOf(g gate) (*replica.Replica, error) {
	_, fleet := g.Hub().Store()
	if fleet == nil {
		return nil, conflict(errors.New("changing the fleet: the store is not open"))
	}
	return fleet, nil
}

// changeLease changes the lease of the fleet.
func changeLease(g gate, r *http.Request) (any, error) {
	var lease time.Duration
	err := parameters{"lease": func(value json.RawMessage) (err error) {
		var text string
		if err := json.Unmarshal(value, &text); err != nil {
			return errors.New("want a string, such as \"5s\"")
		}
		if lease, err = time.ParseDuration(text); err != nil || !hub.ValidLease(lease) {
			return errors.New("want a duration from 200ms to 5m")
		}
		return nil
	}}.readBody(r)
	if err != nil {
		return nil, err
	}
	if lease == 0 {
		return nil, badRequest(errors.New("changing the lease: the body has no lease"))
	}
	fleet, err := fleetOf(g)
	if err != nil {
		return nil, err
	}
	before := fleet.Status().Lease
	if err := fleet.SetLease(r.Context(), lease); err != nil {
		return nil, conflict(err)
	}
	g.settings.Logger.Warn("an operator changed the lease of the fleet", "lease", lease, "before", before)
	text := fmt.Sprintf("The lease of the fleet is %v.", lease)
	if lease < before {
		text += fmt.Sprintf(" Until every lease of %v has expired, a DELETE may wait as long as before.", before)
	}
	return Message{text + " Write it into the configuration, too: a gate that restores a lost store has no other."}, nil
}

// lowerFloor accepts tokens again that are refused only because of a loss.
func lowerFloor(g gate, r *http.Request) (any, error) {
	fleet, err := fleetOf(g)
	if err != nil {
		return nil, err
	}
	floor := fleet.Status().Bounds.Refused()
	if err := fleet.LowerFloor(r.Context()); err != nil {
		return nil, conflict(err)
	}
	g.settings.Logger.Warn("an operator lowered the floor: tokens issued before a loss are accepted again, also those of sessions whose revocation was lost",
		"floor", unix(floor))
	return Message{"The floor is lowered. All gates follow within a lease."}, nil
}
