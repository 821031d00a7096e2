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

// members are the members of a JOSE header or a claims set, in their order. No name occurs
// twice.
type members struct{ strictjson.Members }

// parseObject reads the one strict JSON object in a part of a token.
func parseObject(part string, doc []byte) (strictjson.Object, error) {
	o, err := strictjson.Parse(doc, strictjson.MaxDepth)
	if err != nil {
		return o, refuse(part + ": " + err.Error())
	}
	return o, nil
}

// membersOf reads the members of a part of a token. At the top level it refuses names that
// differ only in case, because the application behind the gate may read the other member.
func membersOf(part string, o strictjson.Object) (members, error) {
	found, err := o.All()
	if err != nil {
		return members{}, refuse(part + ": " + err.Error())
	}
	return members{found}, nil
}

// textOf returns the text of a member that must be a string if it is present. A nil value
// means that it is absent.
func textOf(name string, value json.RawMessage) (text string, ok bool, err error) {
	if text, ok, err = strictjson.TextOf(name, value); err != nil {
		return "", false, refuse(err.Error())
	}
	return text, ok, nil
}

// MaxIDSize is the longest session id, token id and subject, in bytes.
const MaxIDSize = 256

// id returns a member that must be a valid id if it is present, or "" if it is absent.
//
// Invariant 6: ids are opaque strings of 1 to 256 bytes. No decoder may read two ids as
// one. So a number is no id: many decoders read 9007199254740993 as ...992. A text with
// U+FFFD is no id: every lone surrogate becomes U+FFFD.
func (m members) id(name string) (string, error) {
	value, _ := m.Find(name)
	text, ok, err := textOf(name, value)
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

// date returns a NumericDate (RFC 7519 §2) in whole Unix seconds, rounded down or up. Only
// a JSON number is valid: "1700000000" and null are not.
func (m members) date(name string, round func(float64) float64) (seconds int64, ok bool, err error) {
	value, ok := m.Find(name)
	if !ok {
		return 0, false, nil
	}
	if c := value[0]; c != '-' && (c < '0' || c > '9') {
		return 0, false, refuse(strconv.Quote(name) + " is not a number")
	}
	number, err := strconv.ParseFloat(string(value), 64)
	// The condition is negated as a whole, so that NaN fails, too.
	if number = round(number); err != nil || !(number >= 0 && number <= maxDate) {
		return 0, false, refuse(strconv.Quote(name) + " is out of range")
	}
	return int64(number), true, nil
}

// requiredDate is date, rounded down, for a required claim.
func (m members) requiredDate(name string) (int64, error) {
	seconds, ok, err := m.date(name, math.Floor)
	if err == nil && !ok {
		err = refuse(strconv.Quote(name) + " is missing")
	}
	return seconds, err
}
