package keys_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// statusOf returns the state of the only place of a source.
func statusOf(t *testing.T, source keys.Source) keys.Status {
	t.Helper()
	all := keys.StatusOf(source)
	if len(all) != 1 {
		t.Fatalf("%d places, want one: %+v", len(all), all)
	}
	return all[0]
}

// wantStatus fails the test unless the state is that, but for the text of its error, which
// contains text.
func wantStatus(t *testing.T, source keys.Source, text string, want keys.Status) {
	t.Helper()
	got := statusOf(t, source)
	if (got.Error == "") != (text == "") || !strings.Contains(got.Error, text) {
		t.Errorf("the error is %q, want one with %q", got.Error, text)
	}
	if !got.Next.Equal(want.Next) {
		t.Errorf("the next fetch begins in %v, want in %v", time.Until(got.Next), time.Until(want.Next))
	}
	got.Error, got.Next, want.Next = "", time.Time{}, time.Time{}
	if got != want {
		t.Errorf("the state is\n%+v, want\n%+v", got, want)
	}
}

func refuseAll(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }

// Fault: a typo in the URL of a key set. The gate refuses everybody, and the state says why and
// when the gate asks again. Then the key set comes, and goes away for more than a day.
func TestStatusFollowsAKeySet(t *testing.T) {
	a, b := tokentest.NewKey(t, "ES256", "a"), tokentest.NewKey(t, "ES256", "b")
	synctest.Test(t, func(t *testing.T) {
		endpoint := tokentest.NewEndpoint(t, a, b)
		endpoint.Behave(refuseAll)
		remote, err := keys.NewRemote(keys.RemoteOptions{URL: keySetURL + "?api_key=canary"})
		if err != nil {
			t.Fatal(err)
		}
		defer remote.Close()
		remote.SetTransport(endpoint)
		place := keys.Status{Kind: keys.KindJWKS, Place: keySetURL, Fetched: true}
		wantStatus(t, remote, "", place)

		remote.Start()
		synctest.Wait()
		want := place
		want.Failed, want.Next = 1, time.Now().Add(time.Second)
		wantStatus(t, remote, "status 404; compare the URL", want)
		if text := statusOf(t, remote).Error; strings.Contains(text, "canary") {
			t.Errorf("the query is shown: %s", text)
		}

		endpoint.Behave(nil)
		time.Sleep(time.Second)
		synctest.Wait()
		want.Keys, want.Loaded, want.Good, want.Next = 2, true, 1, time.Now().Add(10*time.Minute)
		wantStatus(t, remote, "", want)

		endpoint.Behave(refuseAll)
		time.Sleep(10*time.Minute + 2*time.Second)
		synctest.Wait()
		want.Failed, want.Age, want.Next = 2, 10*time.Minute+2*time.Second, time.Now().Add(3*time.Second)
		wantStatus(t, remote, "status 404", want)

		time.Sleep(24 * time.Hour)
		synctest.Wait()
		lapsed := statusOf(t, remote)
		if lapsed.Keys != 0 || !lapsed.Loaded || !lapsed.Lapsed || lapsed.Age < 24*time.Hour || lapsed.Error == "" {
			t.Errorf("after a day: %+v", lapsed)
		}

		endpoint.Behave(nil)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if got := statusOf(t, remote); got.Keys != 2 || got.Lapsed || got.Age > 30*time.Second || got.Error != "" || got.Good != 2 {
			t.Errorf("after the end of the outage: %+v", got)
		}
	})
}

// A token makes the next fetch begin earlier, and the state says so.
func TestStatusSaysWhenATokenMakesTheGateFetch(t *testing.T) {
	key, stranger := tokentest.NewKey(t, "ES256", "a"), tokentest.NewKey(t, "ES256", "b")
	inBubble(t, []*tokentest.Key{key}, func(t *testing.T, v bubble) {
		_ = keys.Await(context.Background(), v.Verify(signed(t, stranger)))
		_ = v.Verify(signed(t, stranger))
		synctest.Wait()
		if got := statusOf(t, v.Remote); got.Good != 2 || time.Until(got.Next) != 5*time.Second {
			t.Errorf("the next fetch begins in %v, after %d good ones", time.Until(got.Next), got.Good)
		}
		v.Close()
		if got := statusOf(t, v.Remote); !got.Next.IsZero() || got.Failed != 0 || got.Keys != 1 {
			t.Errorf("after Close: %+v", got)
		}
	})
}

// Fault: the endpoint accepts requests and never answers. No next fetch is due meanwhile.
func TestStatusDuringAFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		endpoint := tokentest.NewEndpoint(t)
		endpoint.Behave(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		remote := remoteKeys(t, endpoint, keys.RemoteOptions{Discover: "https://id.example.com"})
		synctest.Wait()
		want := keys.Status{Kind: keys.KindDiscover, Place: "https://id.example.com", Fetched: true}
		wantStatus(t, remote, "", want)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		want.Failed, want.Next = 1, time.Now().Add(time.Second)
		wantStatus(t, remote, "jwks_file reads its key set from a file", want)
	})
}

// Attack: an attacker keeps the gate away from the issuer and sets the wall clock back, so that
// the state shows fresh keys. And asking for the state again and again makes keys no older,
// though the two clocks never go quite alike.
func TestStatusCountsTheAgeOnTheStopwatch(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "a")
	synctest.Test(t, func(t *testing.T) {
		endpoint := tokentest.NewEndpoint(t, key)
		remote, err := keys.NewRemote(keys.RemoteOptions{URL: keySetURL})
		if err != nil {
			t.Fatal(err)
		}
		defer remote.Close()
		remote.SetTransport(endpoint)
		began := time.Now()
		var looks atomic.Int64
		remote.SetWallClock(func() time.Duration {
			jitter := time.Duration(looks.Add(1)%2) * 10 * time.Millisecond
			if elapsed := time.Since(began); elapsed >= time.Minute && elapsed < 2*time.Minute {
				return jitter - time.Hour
			}
			return jitter
		})
		remote.Start()
		synctest.Wait()
		endpoint.Behave(refuseAll)
		time.Sleep(61 * time.Second)
		for range 1000 {
			if age := statusOf(t, remote).Age; age < 61*time.Second || age > 62*time.Second {
				t.Fatalf("after 61 s the age is %v", age)
			}
		}
		time.Sleep(time.Minute)
		if age := statusOf(t, remote).Age; age < time.Hour {
			t.Errorf("after the wall clock has gone forward by an hour, the age is %v", age)
		}
	})
}

func TestStatusOfKeysThatAreNotFetched(t *testing.T) {
	a, b, secret := tokentest.NewKey(t, "ES256", "a"), tokentest.NewKey(t, "ES256", "b"), tokentest.NewKey(t, "HS256", "")
	synctest.Test(t, func(t *testing.T) {
		remote := remoteKeys(t, tokentest.NewEndpoint(t, a), keys.RemoteOptions{URL: keySetURL})
		synctest.Wait()
		all := keys.StatusOf(keys.Join(remote, fileOf(t, a), pemOf(t, a, b), hmacOf(t, secret)))
		want := []keys.Status{
			{Kind: keys.KindJWKS, Place: keySetURL, Keys: 1, Fetched: true, Loaded: true, Good: 1, Next: all[0].Next},
			{Kind: keys.KindJWKSFile, Place: "keys.json", Keys: 1, Loaded: true},
			{Kind: keys.KindPublicKey, Keys: 2, Loaded: true},
			{Kind: keys.KindSecret, Keys: 1, Loaded: true},
		}
		for i := range want {
			if i >= len(all) || all[i] != want[i] {
				t.Fatalf("the state is\n%+v, want\n%+v", all, want)
			}
		}
	})
}
