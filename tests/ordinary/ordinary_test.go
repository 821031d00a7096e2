package ordinary

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// richGate is a directive with every option, so that each part of the gate reads each
// request.
const richGate = `session_gate {
	token header Authorization
	token cookie session
	public /healthz /assets/* /.well-known/*
	identity authelia
	claims email groups
	cors https://app.example.com
	admin_scope sessions:revoke
	token_endpoint /oauth/token
	sessions_endpoint /v1/auth/sessions
	backchannel_logout /v1/auth/logout
}
`

// fewestOrdinary is how many requests the table must have.
const fewestOrdinary = 100

// Operators remove a gate that breaks their clients. So each unusual and legitimate request
// must reach the upstream as it does without the gate.
func TestOrdinaryRequestsArriveAsWithoutTheGate(t *testing.T) {
	t.Parallel()
	rows := ordinaries(t)
	guarded, plain := startOrdinary(t, richGate), startOrdinary(t, "")
	token := guarded.gate.Token(harness.Session("laptop"))
	for _, row := range rows {
		for _, protocol := range row.over() {
			t.Run(fmt.Sprintf("%s over %s, %s", row.about, protocol, row.place), func(t *testing.T) {
				with, withAnswer := guarded.send(t, protocol, row, token)
				without, withoutAnswer := plain.send(t, protocol, row, token)
				differences := append(answersDiffer(withAnswer, withoutAnswer), row.differs(with, without)...)
				for _, difference := range differences {
					t.Error(difference)
				}
				if !row.direct && (withoutAnswer.Status < 101 || withoutAnswer.Status > 206) {
					t.Errorf("without the gate, the answer is %d: the row shows nothing", withoutAnswer.Status)
				}
			})
		}
	}
}

// ordinarySite is a gate, or the same Caddy without one, with its upstream.
type ordinarySite struct {
	gate     *harness.Gate
	upstream *witness
}

func startOrdinary(t *testing.T, directive string) ordinarySite {
	t.Helper()
	upstream := newWitness(t)
	return ordinarySite{upstream: upstream, gate: harness.Start(t, harness.Config{
		TLS: true,
		// WebSockets over HTTP/2 (RFC 8441) are off without it.
		Env:    []string{"GODEBUG=http2xconnect=1"},
		Routes: directive + "reverse_proxy " + upstream.listener.Addr().String(),
	})}
}

// send sends a row, and returns the requests that arrived and the answer.
func (s ordinarySite) send(t *testing.T, protocol harness.Protocol, row ordinary, token string) ([]arrival, harness.Answer) {
	t.Helper()
	var answer harness.Answer
	var err error
	if protocol == harness.HTTP1 {
		answer, err = speak(t, s.gate, row.method, row.text(token))
	} else {
		answer, err = s.gate.Exchange(t, protocol, row.message(token))
	}
	if err != nil {
		t.Errorf("there is no answer: %v", err)
	}
	return s.upstream.take(), answer
}

// speak sends bytes, and returns the answer to them with earlier interim answers.
func speak(t *testing.T, g *harness.Gate, method, text string) (answer harness.Answer, err error) {
	t.Helper()
	connection := harness.Dial(t, g)
	defer connection.Close()
	if _, err := io.WriteString(connection, text); err != nil {
		return answer, err
	}
	reader := bufio.NewReader(connection)
	for {
		response, err := http.ReadResponse(reader, &http.Request{Method: method})
		if err != nil {
			return answer, err
		}
		if response.StatusCode < 101 || response.StatusCode > 101 && response.StatusCode < 200 {
			answer.Interim = append(answer.Interim, response.StatusCode)
			continue
		}
		body := io.Reader(response.Body)
		if response.StatusCode == http.StatusSwitchingProtocols {
			body = reader
		}
		content, err := io.ReadAll(body)
		answer.Status, answer.Header, answer.Body, answer.Close = response.StatusCode, response.Header, string(content), response.Close
		return answer, err
	}
}

// A table with few or duplicate rows proves less than it seems to.
func TestTheTableOfOrdinaryRequestsIsLargeAndHasNoRowTwice(t *testing.T) {
	t.Parallel()
	requests, sentences := make(map[string]string), make(map[string]string)
	rows := ordinaries(t)
	for _, row := range rows {
		text := row.text("") + strings.Join(row.trailer, "\r\n")
		if before := requests[text]; before != "" {
			t.Errorf("%s: the request is that of %s", row.place, before)
		}
		if before := sentences[row.about]; before != "" {
			t.Errorf("%s: the sentence is that of %s", row.place, before)
		}
		if row.field("Host") == "" && row.version != "HTTP/1.0" {
			t.Errorf("%s: the request has no Host", row.place)
		}
		requests[text], sentences[row.about] = row.place, row.place
	}
	if len(rows) < fewestOrdinary {
		t.Errorf("the table has %d requests, want %d at least", len(rows), fewestOrdinary)
	}
}
