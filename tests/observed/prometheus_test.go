package observed

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/harness"
)

const (
	// scrapeEvery is how often Prometheus asks each gate.
	scrapeEvery = 500 * time.Millisecond
	// seeLimit is how long Prometheus may take to see what has happened, on a busy machine.
	seeLimit = 30 * time.Second
)

// prometheus is a running Prometheus.
type prometheus struct {
	url   string
	began time.Time
}

// listening finds the port that Prometheus chose.
var listening = regexp.MustCompile(`msg="Listening on" address=(\S+)`)

// startPrometheus starts a Prometheus with rules, and with the addresses of each job as
// targets. It ends with the test.
func startPrometheus(t *testing.T, rules string, jobs map[string][]string) *prometheus {
	t.Helper()
	dir := t.TempDir()
	var config strings.Builder
	fmt.Fprintf(&config, "global: {scrape_interval: %v, evaluation_interval: %v}\nrule_files: [rules.yaml]\nscrape_configs:\n", scrapeEvery, scrapeEvery)
	for job, targets := range jobs {
		fmt.Fprintf(&config, "  - job_name: %s\n    static_configs: [{targets: [%s]}]\n", job, strings.Join(targets, ", "))
	}
	write(t, filepath.Join(dir, "rules.yaml"), rules)
	write(t, filepath.Join(dir, "prometheus.yml"), config.String())
	process := exec.Command("prometheus", "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:0")
	output, err := process.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatalf("starting prometheus, which tests/install.sh installs: %v", err)
	}
	address, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(output); lines.Scan(); {
			if found := listening.FindStringSubmatch(lines.Text()); found != nil {
				address <- found[1]
			}
		}
		_ = process.Wait() // it is killed
	}()
	t.Cleanup(func() {
		_ = process.Process.Kill() // it may have ended
		<-ended
	})
	select {
	case at := <-address:
		p := &prometheus{"http://" + at, time.Now()}
		harness.Eventually(t, seeLimit, "Prometheus is ready", func() bool { return p.ask("/api/v1/rules", nil, nil) == nil })
		return p
	case <-ended:
		t.Fatal("prometheus ended")
	case <-time.After(seeLimit):
		t.Fatal("prometheus does not listen")
	}
	return nil
}

// ask calls the API and reads the data of the answer.
func (p *prometheus) ask(path string, parameters url.Values, data any) error {
	response, err := http.Get(p.url + path + "?" + parameters.Encode())
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	answer := struct {
		Data  any
		Error string
	}{Data: data}
	if response.StatusCode != http.StatusOK {
		_ = json.Unmarshal(body, &answer) // it may be no JSON
		return fmt.Errorf("asking %s: %d %s", path, response.StatusCode, answer.Error)
	}
	return json.Unmarshal(body, &answer)
}

// series is a series with its samples.
type series struct {
	Labels map[string]string `json:"metric"`
	Values []sample          `json:"values"`
}

// sample is a value at an instant, in seconds.
type sample struct{ at, value float64 }

// UnmarshalJSON reads a sample of the API: [1234.5, "0.25"].
func (s *sample) UnmarshalJSON(text []byte) error {
	var pair [2]any
	if err := json.Unmarshal(text, &pair); err != nil {
		return err
	}
	at, ok := pair[0].(float64)
	value, good := pair[1].(string)
	if !ok || !good {
		return fmt.Errorf("reading a sample: %s", text)
	}
	var err error
	s.at = at
	s.value, err = strconv.ParseFloat(value, 64)
	return err
}

// history evaluates an expression at each instant since the start of Prometheus. Samples that
// are no number are left out, and series without others.
func (p *prometheus) history(t *testing.T, expression string, step time.Duration) (found []series) {
	t.Helper()
	var data struct{ Result []series }
	err := p.ask("/api/v1/query_range", url.Values{
		"query": {expression}, "step": {fmt.Sprint(step.Seconds())},
		"start": {fmt.Sprint(p.began.Unix())}, "end": {fmt.Sprint(time.Now().Unix())},
	}, &data)
	if err != nil {
		t.Fatalf("evaluating %s: %v", expression, err)
	}
	for _, s := range data.Result {
		var numbers []sample
		for _, v := range s.Values {
			if !math.IsNaN(v.value) {
				numbers = append(numbers, v)
			}
		}
		if s.Values = numbers; len(numbers) > 0 {
			found = append(found, s)
		}
	}
	return found
}

// now evaluates an expression at this moment, and returns the labels of what it finds.
func (p *prometheus) now(t *testing.T, expression string) (found []map[string]string) {
	t.Helper()
	var data struct{ Result []series }
	if err := p.ask("/api/v1/query", url.Values{"query": {expression}}, &data); err != nil {
		t.Fatalf("evaluating %s: %v", expression, err)
	}
	for _, s := range data.Result {
		found = append(found, s.Labels)
	}
	return found
}

// values returns all values of a label.
func (p *prometheus) values(t *testing.T, label string) (values []string) {
	t.Helper()
	if err := p.ask("/api/v1/label/"+label+"/values", nil, &values); err != nil {
		t.Fatal(err)
	}
	return values
}

// sees waits until an expression finds so many series.
func (p *prometheus) sees(t *testing.T, number int, expression string) {
	t.Helper()
	harness.Eventually(t, seeLimit, fmt.Sprintf("Prometheus finds %d: %s", number, expression), func() bool {
		return len(p.now(t, expression)) == number
	})
}

// fires waits until an alert fires for so many gates, issuers or fleets.
func (p *prometheus) fires(t *testing.T, number int, alert string) {
	t.Helper()
	p.sees(t, number, `ALERTS{alertstate="firing", alertname="`+alert+`"}`)
}

// rule is a rule as Prometheus has read it.
type rule struct{ Name, Type, Query string }

// rules returns the rules.
func (p *prometheus) rules(t *testing.T) (all []rule) {
	t.Helper()
	var data struct{ Groups []struct{ Rules []rule } }
	if err := p.ask("/api/v1/rules", nil, &data); err != nil {
		t.Fatal(err)
	}
	for _, group := range data.Groups {
		all = append(all, group.Rules...)
	}
	return all
}
