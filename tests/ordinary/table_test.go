package ordinary

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/issuing"
)

// ordinary is a request of tests/ordinary/testdata, which describes the format.
type ordinary struct {
	about   string // which client sends it, and why it may
	place   string // file and line
	method  string
	target  string
	version string   // HTTP/1.0, HTTP/1.1, HTTP/2, or "" for every version
	fields  []string // as "Name: value"
	chunks  []string // the body, in the pieces that its client sends
	trailer []string
	except  []string // fields that are not compared
	direct  bool     // Caddy's server answers, and no handler sees it
}

// Exceptions are fields that a row may leave out of the comparison.
var (
	// They belong to one connection (RFC 9110 §7.6.1, RFC 7540 §3.2.1), or Caddy
	// chooses their values.
	exceptions = []string{"Connection", "Upgrade", "Http2-Settings", "Host", "Sec-Websocket-Key"}
	// At the token endpoint, the gate reads bodies and answers whole.
	tokenExceptions = []string{"Accept-Encoding", "Content-Length", "Transfer-Encoding"}
)

// ordinaries reads the table.
func ordinaries(t *testing.T) (rows []ordinary) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		read, err := parseOrdinaries(filepath.Base(file), string(text))
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, read...)
	}
	return rows
}

// parseOrdinaries reads the rows of one file.
func parseOrdinaries(file, text string) (rows []ordinary, err error) {
	line := 1
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		row := ordinary{place: file + ":" + strconv.Itoa(line)}
		line += strings.Count(paragraph, "\n") + 2
		for text := range strings.Lines(strings.Trim(paragraph, "\n")) {
			if err := row.add(strings.TrimSuffix(text, "\n")); err != nil {
				return nil, fmt.Errorf("reading the request at %s: %w", row.place, err)
			}
		}
		if row.method == "" || row.about == "" {
			return nil, fmt.Errorf("reading the request at %s: it has no sentence or no request line", row.place)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// add adds one line of a paragraph.
func (o *ordinary) add(line string) error {
	request, indented := strings.CutPrefix(line, "    ")
	if !indented {
		o.about = strings.TrimSpace(o.about + " " + line)
		return nil
	}
	kind, rest, _ := strings.Cut(request, " ")
	content, err := unescape(rest)
	switch {
	case err != nil:
		return err
	case o.method == "":
		return o.addRequestLine(request)
	case kind == "|":
		o.chunks = append(o.chunks, content)
	case kind == "~":
		o.trailer = append(o.trailer, content)
	case kind == "-":
		o.except = append(o.except, content)
		if !slices.Contains(exceptions, content) && (o.target != issuing.Path || !slices.Contains(tokenExceptions, content)) {
			return fmt.Errorf("the field %q has to be compared", content)
		}
	case request == "= answered by the server":
		o.direct = true
	default:
		field, err := unescape(request)
		if err != nil || !strings.Contains(field, ":") {
			return fmt.Errorf("the line %q is no field, error %w", request, err)
		}
		o.fields = append(o.fields, field)
	}
	return nil
}

func (o *ordinary) addRequestLine(line string) error {
	words := strings.Split(line, " ")
	if len(words) < 2 || len(words) > 3 {
		return fmt.Errorf("the request line %q has %d words", line, len(words))
	}
	if len(words) == 3 {
		o.version = words[2]
	}
	var err error
	o.method = words[0]
	o.target, err = unescape(words[1])
	return err
}

// escapes are \r, \n, \t, \\, \xFF, and \*9(text) for a text that is there 9 times.
var escapes = regexp.MustCompile(`\\(?:[rnt\\]|x[0-9a-f]{2}|\*[0-9]+\([^)]*\)|.?)`)

func unescape(text string) (string, error) {
	var fault error
	return escapes.ReplaceAllStringFunc(text, func(escape string) string {
		if times, repeated, ok := strings.Cut(strings.TrimPrefix(escape, `\*`), "("); ok && times != escape {
			n, err := strconv.Atoi(times)
			if err == nil {
				return strings.Repeat(strings.TrimSuffix(repeated, ")"), n)
			}
		}
		plain, err := strconv.Unquote(`"` + escape + `"`)
		if err != nil {
			fault = fmt.Errorf("the escape %q is none", escape)
		}
		return plain
	}), fault
}

// over lists the versions of HTTP that the row is sent over.
func (o *ordinary) over() []harness.Protocol {
	switch o.version {
	case "":
		return []harness.Protocol{harness.HTTP1, harness.HTTP2, harness.HTTP3}
	case "HTTP/2":
		return []harness.Protocol{harness.HTTP2, harness.HTTP3}
	default:
		return []harness.Protocol{harness.HTTP1}
	}
}

// field returns the first value of a field, or "".
func (o *ordinary) field(name string) string {
	for _, field := range o.fields {
		if own, value, _ := strings.Cut(field, ":"); strings.EqualFold(own, name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// chunked reports whether the length of the body is not stated.
func (o *ordinary) chunked() bool { return o.field("Transfer-Encoding") != "" }

// complete are the fields with the token, and with the length of the body if it is
// stated.
func (o *ordinary) complete(token string) (fields []string) {
	for _, field := range o.fields {
		fields = append(fields, strings.ReplaceAll(field, "{token}", token))
	}
	if len(o.chunks) > 0 && !o.chunked() && o.field("Content-Length") == "" {
		fields = append(fields, "Content-Length: "+strconv.Itoa(len(strings.Join(o.chunks, ""))))
	}
	return fields
}

// text is the request in HTTP/1.
func (o *ordinary) text(token string) string {
	version := o.version
	if version == "" {
		version = "HTTP/1.1"
	}
	head := strings.Join(append([]string{o.method + " " + o.target + " " + version}, o.complete(token)...), "\r\n")
	body := strings.Join(o.chunks, "")
	if o.chunked() {
		body = ""
		for _, chunk := range o.chunks {
			body += fmt.Sprintf("%x\r\n%s\r\n", len(chunk), chunk)
		}
		body += "0\r\n"
		for _, trailer := range o.trailer {
			body += trailer + "\r\n"
		}
		body += "\r\n"
	}
	return head + "\r\n\r\n" + body
}

// message is the request in HTTP/2 and HTTP/3, without what belongs to one
// connection (RFC 9113 §8.2.2).
func (o *ordinary) message(token string) harness.Message {
	request := harness.Request{Method: o.method, Target: o.target, Body: strings.Join(o.chunks, ""), Trailer: o.trailer}
	var pseudo []harness.Field
	for _, field := range o.complete(token) {
		name, value, _ := strings.Cut(field, ":")
		switch {
		case strings.HasPrefix(field, ":protocol:"):
			pseudo = []harness.Field{{Name: ":protocol", Value: strings.TrimPrefix(field, ":protocol: ")}}
			request.Open = true
		case slices.Contains([]string{"host", "connection", "keep-alive", "transfer-encoding"}, strings.ToLower(name)):
		case strings.EqualFold(name, "te") && strings.TrimSpace(value) != "trailers":
		default:
			request.Fields = append(request.Fields, field)
		}
	}
	message := request.Message()
	for i := range message.Fields {
		if message.Fields[i].Name == ":authority" {
			message.Fields[i].Value = o.field("Host")
		}
	}
	message.Fields = append(pseudo, message.Fields...)
	return message
}
