package caddymodule

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/sessiongate/sessiongate/caddymodule/config"
)

// logFilter is what a log has to hide of a request: the value of a field, or a parameter in
// it.
type logFilter struct {
	what, field, parameter string
}

// logFilters returns what access logs have to hide of requests with tokens from this source.
// Caddy hides the rest by itself, or the gate warns of it (warnOfLogs).
func (s *TokenSource) logFilters() (filters []logFilter) {
	if s != nil && s.Query != "" {
		filters = append(filters, logFilter{"query", "request>uri", s.Query})
	}
	if s != nil && s.WebSocketProtocol != "" {
		filters = append(filters, logFilter{"websocket_protocol", "request>headers>Sec-Websocket-Protocol", ""})
	}
	return filters
}

// text is the filter as it is written in the block of a log. A page whose address has the
// parameter sends it on in Referer, so that field needs the filter, too.
func (f logFilter) text() string {
	if f.parameter == "" {
		return fmt.Sprintf("\t%s delete\n", f.field)
	}
	const text = "\t%[1]s query {\n\t\tdelete %[3]s\n\t}\n\t%[2]s query {\n\t\tdelete %[3]s\n\t}\n"
	return fmt.Sprintf(text, f.field, "request>headers>Referer", f.parameter)
}

// formatOf returns the format of a log with all of these filters. A log has one format.
func formatOf(filters []logFilter) string {
	var text strings.Builder
	for _, filter := range filters {
		text.WriteString(filter.text())
	}
	return "format filter {\n" + text.String() + "}"
}

// checkLogs refuses a site whose access log would show the tokens of its gate. Caddy copies a
// request for its log before any handler sees it, so the gate cannot hide them.
func checkLogs(h httpcaddyfile.Helper, source *TokenSource) error {
	filters := source.logFilters()
	for _, filter := range filters {
		for _, words := range accessLogs(h) {
			if !filter.isIn(words) && !(isDefaultLog(words) && filter.isInDefaultLog(h)) {
				return config.Parsing(h.Dispenser, "token "+filter.what, fmt.Errorf("the access log of this site would show the tokens, "+
					"because Caddy copies a request for its log before any handler sees it; write into the block of log:\n%s", formatOf(filters)))
			}
		}
	}
	return nil
}

// accessLogs returns the words of each directive log of the site. Caddy does not export the
// directives beside a directive. Reading them by reflection changes nothing, and a test fails
// if a version of Caddy has them elsewhere.
func accessLogs(h httpcaddyfile.Helper) (logs [][]string) {
	segments := reflect.ValueOf(h).FieldByName("parentBlock").FieldByName("Segments")
	for i := range segments.Len() {
		segment := segments.Index(i)
		words := make([]string, segment.Len())
		for j := range words {
			words[j] = segment.Index(j).FieldByName("Text").String()
		}
		if len(words) > 0 && words[0] == "log" {
			logs = append(logs, words)
		}
	}
	return logs
}

// isDefaultLog reports whether a directive log writes to Caddy's default log.
func isDefaultLog(words []string) bool {
	return !slices.Contains(words, "format") && !slices.Contains(words, "output")
}

// hides are the filters that hide a value whatever it is.
var hides = []string{"delete", "replace", "hash"}

// isIn reports whether the words of a log have the filter, or one that hides more.
func (f logFilter) isIn(words []string) bool {
	for i := range len(words) - 1 {
		switch name, next := words[i], words[i+1]; {
		case name == "output" && next == "discard":
			return true
		case f.isWithin(name) && slices.Contains(hides, next):
			return true
		case name == f.field && next == "query" && f.isInQuery(words[i+2:]):
			return true
		}
	}
	return false
}

// isWithin reports whether a filter of another field hides this one, too.
func (f logFilter) isWithin(field string) bool {
	return f.field == field || strings.HasPrefix(f.field, field+">")
}

// isInQuery reports whether the block of a query filter hides the parameter.
func (f logFilter) isInQuery(block []string) bool {
	for i := 0; i+1 < len(block) && block[i] != "}"; i++ {
		if slices.Contains(hides, block[i]) && block[i+1] == f.parameter {
			return true
		}
	}
	return false
}

// isInDefaultLog reports whether the default log of the global options has the filter.
func (f logFilter) isInDefaultLog(h httpcaddyfile.Helper) bool {
	logs, _ := h.Option("log").([]httpcaddyfile.ConfigValue)
	for _, value := range logs {
		log := reflect.ValueOf(value.Value)
		if log.FieldByName("name").String() == caddy.DefaultLoggerName && !log.FieldByName("log").IsNil() {
			return f.isInJSON(log.FieldByName("log").Elem().FieldByName("EncoderRaw").Bytes())
		}
	}
	return false
}

// isInJSON reports whether an encoder of a log, as JSON, has the filter.
func (f logFilter) isInJSON(encoder []byte) bool {
	var format struct {
		Fields map[string]struct {
			Filter  string `json:"filter"`
			Actions []struct {
				Parameter string `json:"parameter"`
			} `json:"actions"`
		} `json:"fields"`
	}
	if json.Unmarshal(encoder, &format) != nil {
		return false
	}
	for name, field := range format.Fields {
		if f.isWithin(name) && slices.Contains(hides, field.Filter) {
			return true
		}
		for _, action := range field.Actions {
			if name == f.field && field.Filter == "query" && action.Parameter == f.parameter {
				return true
			}
		}
	}
	return false
}
