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

// membersOf reads the members of a header. It refuses names that differ only in case,
// because another reader may read the other member.
func membersOf(part string, o strictjson.Object) (members, error) {
	found, err := o.All()
	if err != nil {
		return members{}, refuse(part + ": " + err.Error())
	}
	return members{found}, nil
}

// textOf returns the text of a member that must be a string if it is present. A nil value
// means that it is absent, and so does null.
func textOf(name string, value json.RawMessage) (text string, ok bool, err error) {
	if value != nil && isNull(value) {
		return "", false, nil
	}
	if text, ok, err = strictjson.TextOf(name, value); err != nil {
		return "", false, refuse(err.Error())
	}
	return text, ok, nil
}

// find returns the claim that a name of the configuration means, as at does. A null claim is
// absent.
func (m members) find(name string) (value json.RawMessage, ok bool) {
	if value, ok = m.at(name); !ok || isNull(value) {
		return nil, false
	}
	return value, true
}

func isNull(value json.RawMessage) bool { return value[0] == 'n' }

// MaxIDSize is the longest session id, token id and subject, in bytes.
const MaxIDSize = 1 << 10

// id returns the first of these members that is present, if it is a valid id, or "" if all
// are absent. A null member, an empty text and the number 0 are absent: an issuer writes them
// for everybody without an id.
//
// Attack: log out with a token whose `sid` is 0, as of all others, and end everybody's session.
//
// Invariant 6: ids are opaque texts of 1 to MaxIDSize bytes. No decoder may read two ids as
// one. So an integer is an id only up to 2^53, by its digits: many decoders read
// 9007199254740993 as ...992. A text with U+FFFD is no id: every lone surrogate becomes
// U+FFFD.
func (m members) id(names ...string) (string, error) {
	for _, name := range names {
		value, ok := m.find(name)
		if !ok || string(value) == `""` || string(value) == "0" {
			continue
		}
		text, isText := strictjson.Text(value)
		if isText && ValidID(text) {
			return text, nil
		}
		if !isText && isInteger(value) {
			return string(value), nil
		}
		return "", refuse(strconv.Quote(name) + " is not a usable id")
	}
	return "", nil
}

// isInteger reports whether a value is an integer from 0 to 2^53, written in digits alone.
func isInteger(value json.RawMessage) bool {
	const most = 1 << 53
	number, err := strconv.ParseUint(string(value), 10, 64)
	return err == nil && number <= most
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
// a JSON number is valid: "1700000000" is not. A null member is absent.
func (m members) date(name string, round func(float64) float64) (seconds int64, ok bool, err error) {
	value, ok := m.Find(name)
	if !ok || isNull(value) {
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
