package replica_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// Attack: use a token from before a loss whose issuer's clock is ahead, so that it looks
// younger than the loss. The floor is above the time of the loss by the largest leeway of
// the fleet. Therefore it refuses every token that a gate admitted before. Tokens issued
// after the loss are refused for that long, or longer if the issuer's clock is behind.
func TestTheFloorByTheClockOfTheIssuer(t *testing.T) {
	const leeway = 30 * time.Second
	for name, test := range map[string]struct {
		leads   time.Duration // negative if the issuer is behind
		refused time.Duration // how long new tokens are refused after the loss
	}{
		"an issuer that is right":                 {0, leeway},
		"an issuer that leads by a part":          {20 * time.Second, 10 * time.Second},
		"an issuer that leads by the leeway":      {leeway, 0},
		"an issuer that lags by a second":         {-time.Second, leeway + time.Second},
		"an issuer that lags by ten minutes":      {-10 * time.Minute, leeway + 10*time.Minute},
		"an issuer that lags by more than a day":  {-25 * time.Hour, leeway + 25*time.Hour},
		"an issuer that lags by the leeway alone": {-leeway, 2 * leeway},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := model.NewServer(1, 100)
				// The largest leeway of the fleet counts, not that of the gate that opens
				// the revocation log.
				wires := []*wire{new(wire), new(wire), new(wire)}
				var gates []*replica.Replica
				for i, own := range []time.Duration{time.Second, leeway, 2 * time.Second} {
					gates = append(gates, start(t, server.Connect(wires[i].link), replica.Options{Lease: lease, Leeway: own}))
				}
				for _, g := range gates {
					<-g.Synced()
				}
				time.Sleep(2 * lease)
				mustRevoke(t, gates[0], everyKind()...)
				_, before := revocation("from before")
				before.IssuedAt = time.Now().Add(test.leads).Unix()
				release := []func(){wires[0].hold(""), wires[1].hold("")}
				wires[2].hold("") // it stays away
				time.Sleep(2 * lease)
				server.RestartEmpty()
				lost := time.Now()
				// A token issued at the moment of the loss.
				_, last := revocation("from the last moment")
				last.IssuedAt = lost.Add(test.leads).Unix()
				for _, r := range release {
					r()
				}
				time.Sleep(4 * lease)
				for i, g := range gates[:2] {
					wantVerdict(t, g, before, replica.ByFloor)
					wantVerdict(t, g, last, replica.ByFloor)
					_, login := revocation("logs in after it")
					first := time.Duration(-1)
					for after := range int(26 * time.Hour / time.Second) {
						login.IssuedAt = lost.Add(time.Duration(after)*time.Second + test.leads).Unix()
						if g.Check(login, replica.At(time.Now())) == replica.Clear {
							first = time.Duration(after) * time.Second
							break
						}
					}
					// The floor includes its own second, and the store's clock counts
					// whole seconds.
					if late := first - test.refused; late < time.Second || late > 2*time.Second {
						t.Errorf("gate %d admits tokens issued %v after the loss, want %v plus at most a second", i, first, test.refused)
					}
				}
			})
		})
	}
}
