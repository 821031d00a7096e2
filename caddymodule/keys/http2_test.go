package keys_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// Attack (invariant 12): an endpoint keeps the gate's connections open, one more with every
// fetch. Over HTTP/2 it never ends a stream.
func TestConnectionsEndWithTheFetch(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "a")
	for name, protocol := range map[string]int{"HTTP/1.1": 1, "HTTP/2": 2} {
		for what, silent := range map[string]bool{"answered": false, "silent": true, "half answered": true} {
			t.Run(name+" "+what, func(t *testing.T) {
				endpoint := tokentest.NewEndpoint(t, key)
				entered, closed := make(chan int, 1), make(chan struct{}, 1)
				server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					entered <- r.ProtoMajor
					if what == "half answered" {
						_, _ = w.Write([]byte(`{"keys":[`))
						_ = http.NewResponseController(w).Flush()
					}
					if silent {
						<-r.Context().Done()
						return
					}
					w.Header().Set("Connection", "keep-alive")
					endpoint.ServeHTTP(w, r)
				}))
				server.EnableHTTP2 = protocol == 2
				server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
					if state == http.StateClosed {
						select {
						case closed <- struct{}{}:
						default:
						}
					}
				}
				server.StartTLS()
				t.Cleanup(server.Close)
				o := &outcome{first: make(chan string, 1)}
				remote, err := keys.NewRemote(keys.RemoteOptions{URL: server.URL + tokentest.KeySetPath, Logger: o.logger()})
				if err != nil {
					t.Fatal(err)
				}
				remote.Trust(server.Certificate())
				remote.Start()
				defer remote.Close()
				if got := <-entered; got != protocol {
					t.Errorf("fetched over HTTP/%d, want %d", got, protocol)
				}
				if silent {
					remote.Close()
				}
				<-closed
				if !silent {
					<-o.first
					mustVerify(t, remote, signed(t, key))
				}
			})
		}
	}
}
