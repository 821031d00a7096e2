package caddymodule

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
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
		// A page whose address has the parameter sends its address with its own requests.
		for _, field := range []string{"request>uri", "request>headers>Referer"} {
			filters = append(filters, logFilter{"query", field, s.Query})
		}
	}
	if s != nil && s.WebSocketProtocol != "" {
		filters = append(filters, logFilter{"websocket_protocol", "request>headers>Sec-Websocket-Protocol", ""})
	}
	return filters
}

// text is the filter as it is written in the block of a log.
func (f logFilter) text() string {
	if f.parameter == "" {
		return fmt.Sprintf("\t%s delete\n", f.field)
	}
	return fmt.Sprintf("\t%s query {\n\t\tdelete %s\n\t}\n", f.field, f.parameter)
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
	logs := accessLogs(h)
	for _, filter := range filters {
		shows := func(log string) error {
			return config.Parsing(h.Dispenser, "token "+filter.what, fmt.Errorf("%s would show the tokens, "+
				"because Caddy copies a request for its log before any handler sees it; write into the block of log:\n%s", log, formatOf(filters)))
		}
		for _, words := range logs {
			if !filter.isIn(words) && !(isDefaultLog(words) && filter.isInDefaultLog(h)) {
				return shows("the access log of this site")
			}
		}
		for name, log := range globalLogs(h) {
			if len(logs) > 0 && name != caddy.DefaultLoggerName && getsAccessLogs(log) && !filter.isInJSON(log.encoder) {
				return shows("the log " + name + " of the global options")
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
	for name, log := range globalLogs(h) {
		if name == caddy.DefaultLoggerName {
			return f.isInJSON(log.encoder)
		}
	}
	return false
}

// globalLog is what a log of the global options gets, and how it writes that.
type globalLog struct {
	encoder          []byte
	include, exclude []string
	discards         bool
}

// globalLogs iterates over the logs of the global options, by their names. Caddy does not
// export them either (accessLogs).
func globalLogs(h httpcaddyfile.Helper) iter.Seq2[string, globalLog] {
	return func(yield func(string, globalLog) bool) {
		logs, _ := h.Option("log").([]httpcaddyfile.ConfigValue)
		for _, value := range logs {
			named := reflect.ValueOf(value.Value)
			if named.FieldByName("log").IsNil() {
				continue
			}
			log := named.FieldByName("log").Elem()
			if !yield(named.FieldByName("name").String(), globalLog{
				encoder: log.FieldByName("EncoderRaw").Bytes(),
				include: textsOf(log.FieldByName("Include")), exclude: textsOf(log.FieldByName("Exclude")),
				discards: bytes.Contains(log.FieldByName("WriterRaw").Bytes(), []byte(`"output":"discard"`)),
			}) {
				return
			}
		}
	}
}

func textsOf(list reflect.Value) []string {
	texts := make([]string, list.Len())
	for i := range texts {
		texts[i] = list.Index(i).String()
	}
	return texts
}

// getsAccessLogs reports whether a log of the global options gets lines of access logs, besides
// the log of the site.
//
// Attack: read the tokens in a second log, `log audit { include http.log.access }`, which
// shows what the log of the site hides.
func getsAccessLogs(log globalLog) bool {
	const access = "http.log.access"
	holds := func(whole, part string) bool { return whole == part || strings.HasPrefix(part, whole+".") }
	isOf := func(name string) bool { return holds(name, access) || holds(access, name) }
	return !log.discards && (len(log.include) == 0 || slices.ContainsFunc(log.include, isOf)) &&
		!slices.ContainsFunc(log.exclude, func(name string) bool { return holds(name, access) || name == "*" })
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
