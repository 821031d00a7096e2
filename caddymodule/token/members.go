package token

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

// members are the members of a JOSE header or a claims set, in their order,
// each name once.
type members []member

type member struct {
	name  string
	value json.RawMessage
}

// parseObject reads the one strict JSON object in a part of a token.
func parseObject(part string, doc []byte) (strictjson.Object, error) {
	o, err := strictjson.Parse(doc, strictjson.MaxDepth)
	if err != nil {
		return o, refuse(part + ": " + err.Error())
	}
	return o, nil
}

// membersOf reads the members of a part of a token.
func membersOf(part string, o strictjson.Object) (members, error) {
	found, err := collect(o)
	if err != nil {
		return nil, refuse(part + ": " + err.Error())
	}
	return found, nil
}

// scanDocument reads the members of the one strict JSON object in a document that
// is no part of a token.
func scanDocument(doc []byte) (members, error) {
	o, err := strictjson.Parse(doc, strictjson.MaxDepth)
	if err != nil {
		return nil, err
	}
	return collect(o)
}

// collect reads the members of an object. Names that differ in case only are
// refused at the top level: the application behind the gate may read the other
// one.
func collect(o strictjson.Object) (members, error) {
	var names strictjson.Names
	found := make(members, 0, 16)
	err := o.Members(func(name string, value json.RawMessage) error {
		found = append(found, member{name, value})
		return names.Add(name)
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

func (m members) find(name string) (value json.RawMessage, ok bool) {
	for i := range m {
		if m[i].name == name {
			return m[i].value, true
		}
	}
	return nil, false
}

// text returns a member that must be a string if it is there, null included.
func (m members) text(name string) (text string, ok bool, err error) {
	value, _ := m.find(name)
	return textOf(name, value)
}

// textOf returns the text of a member that must be a string if it is there; nil
// is one that is not.
func textOf(name string, value json.RawMessage) (text string, ok bool, err error) {
	if value == nil {
		return "", false, nil
	}
	text, isText := strictjson.Text(value)
	if !isText {
		return "", false, refuse(strconv.Quote(name) + " is not a string")
	}
	return text, true, nil
}

// MaxIDSize is the longest session id, token id and subject, in bytes.
const MaxIDSize = 256

// id returns a member that must be a usable id if it is there, "" if it is not.
//
// Invariant 6: ids are opaque strings of 1 to 256 bytes. Two ids must
// not become one on their way, so a number is none (9007199254740993 is
// ...992 to many decoders), nor is a text with U+FFFD, which is what every
// lone surrogate turns into.
func (m members) id(name string) (string, error) {
	text, ok, err := m.text(name)
	if err != nil || !ok {
		return "", err
	}
	if !ValidID(text) {
		return "", refuse(strconv.Quote(name) + " is not a usable id")
	}
	return text, nil
}

// ValidID reports whether text can be a session id, a token id or a subject:
// 1 to MaxIDSize bytes of valid UTF-8, without U+FFFD and without control
// characters.
func ValidID(text string) bool {
	return text != "" && len(text) <= MaxIDSize && utf8.ValidString(text) &&
		strings.IndexFunc(text, func(r rune) bool { return r == utf8.RuneError || unicode.IsControl(r) }) < 0
}

// maxDate bounds a NumericDate, so that sums of dates and durations cannot
// overflow and every whole second is exact in a float64.
const maxDate = 1 << 53

// date returns a NumericDate (RFC 7519 §2) in whole Unix seconds, rounded down
// or up. Only a JSON number is one: "1700000000" and null are not.
func (m members) date(name string, round func(float64) float64) (seconds int64, ok bool, err error) {
	value, ok := m.find(name)
	if !ok {
		return 0, false, nil
	}
	if c := value[0]; c != '-' && (c < '0' || c > '9') {
		return 0, false, refuse(strconv.Quote(name) + " is not a number")
	}
	number, err := strconv.ParseFloat(string(value), 64)
	// The range is asked for in the positive, so that NaN would fail too.
	if number = round(number); err != nil || !(number >= 0 && number <= maxDate) {
		return 0, false, refuse(strconv.Quote(name) + " is out of range")
	}
	return int64(number), true, nil
}

// requiredDate is date, rounded down, for a claim that must be there.
func (m members) requiredDate(name string) (int64, error) {
	seconds, ok, err := m.date(name, math.Floor)
	if err == nil && !ok {
		err = refuse(strconv.Quote(name) + " is missing")
	}
	return seconds, err
}
