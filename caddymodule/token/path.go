package token

import (
	"encoding/json"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

// at returns the claim that a name of the configuration means: the claim of exactly that
// name, or else the claim at a dotted path, such as `realm_access.roles`. Names may hold dots
// themselves (`https://example.com/app`), so at each level the longest name that is an object
// counts, and no other.
//
// Attack: an object names `roles` twice, and the application behind the gate reads the other
// member. Such an object holds no claim here.
func (m members) at(path string) (value json.RawMessage, ok bool) {
	for {
		if value, ok = m.Find(path); ok {
			return value, true
		}
		object, rest, ok := m.objectOn(path)
		if !ok {
			return nil, false
		}
		nested, err := strictjson.ReadMembers(object)
		if err != nil {
			return nil, false
		}
		m, path = members{nested}, rest
	}
}

// objectOn returns the object with the longest name at which a dotted path begins, and the
// rest of the path.
func (m members) objectOn(path string) (object json.RawMessage, rest string, ok bool) {
	for dot := strings.LastIndexByte(path, '.'); dot >= 0; dot = strings.LastIndexByte(path[:dot], '.') {
		if value, found := m.Find(path[:dot]); found && value[0] == '{' {
			return value, path[dot+1:], true
		}
	}
	return nil, "", false
}
