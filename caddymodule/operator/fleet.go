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

// fleetOf returns the replica of an open gate, to change what its fleet has agreed on.
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
			return errors.New("it is a text, such as 5s")
		}
		if lease, err = time.ParseDuration(text); err != nil || !hub.ValidLease(lease) {
			return errors.New("it is a duration from 200ms to 5m")
		}
		return nil
	}}.readBody(r)
	if err != nil {
		return nil, err
	}
	if lease == 0 {
		return nil, badRequest(errors.New("reading the body: it names no lease"))
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
		text += fmt.Sprintf(" A DELETE waits for as long as before until every lease of %v is over.", before)
	}
	return Message{text + " Write it into the configuration, too: a gate that makes a lost head anew has no other."}, nil
}

// lowerFloor lets tokens pass again that are refused only because of a loss.
func lowerFloor(g gate, r *http.Request) (any, error) {
	fleet, err := fleetOf(g)
	if err != nil {
		return nil, err
	}
	floor := fleet.Status().Bounds.Refused()
	if err := fleet.LowerFloor(r.Context()); err != nil {
		return nil, conflict(err)
	}
	g.settings.Logger.Warn("an operator lowered the floor: tokens pass again that were issued before a loss, and with them sessions whose revocation was lost",
		"floor", unix(floor))
	return Message{"The floor is lowered. The gates hear of it within a lease."}, nil
}
