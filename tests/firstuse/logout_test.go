package firstuse

import (
	"net"
	"net/http"
	"regexp"
	"testing"
)

// tokenOf returns the token in a proposal.
func tokenOf(t *testing.T, proposal string) string {
	t.Helper()
	found := regexp.MustCompile(`Authorization: Bearer ([\w.-]+)'`).FindStringSubmatch(proposal)
	if found == nil {
		t.Fatalf("proposal %q has no token", proposal)
	}
	return found[1]
}

// checkLogout ends the session of the proposal. After that its token is refused, and a
// second logout is answered as a repeat.
func checkLogout(t *testing.T, token, site string) {
	t.Helper()
	for _, step := range []struct {
		method, path string
		want         int
	}{
		{http.MethodGet, "/", http.StatusOK},
		{http.MethodDelete, "/v1/auth/session", http.StatusOK},
		{http.MethodGet, "/", http.StatusUnauthorized},
		{http.MethodDelete, "/v1/auth/session", http.StatusNotFound},
	} {
		request, err := http.NewRequestWithContext(t.Context(), step.method, site+step.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != step.want {
			t.Errorf("%s %s is answered %d, want %d", step.method, step.path, response.StatusCode, step.want)
		}
	}
}

// checkEnded fails the test if a port of the run is still open.
func checkEnded(t *testing.T, ports []string) {
	t.Helper()
	for _, port := range ports {
		connection, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
		if err == nil {
			_ = connection.Close()
			t.Errorf("port %s is still open after the end of the gate", port)
		}
	}
}
