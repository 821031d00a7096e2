package strictjson

import (
	"encoding/json"
	"fmt"
)

// Members are the members of one object, in their order, each name once. They
// share the memory of the object's document.
type Members []Member

// Member is a name, decoded, and the text of its value.
type Member struct {
	Name  string
	Value json.RawMessage
}

// ReadMembers returns the members of the one JSON object that doc holds, nested no
// deeper than MaxDepth. Its errors are those of Parse and of Object.All.
func ReadMembers(doc []byte) (Members, error) {
	o, err := Parse(doc, MaxDepth)
	if err != nil {
		return nil, err
	}
	return o.All()
}

// All returns all members. Two names that differ only in case are ErrDuplicate: another
// reader of the document may use the other member.
func (o Object) All() (Members, error) {
	var names Names
	found := make(Members, 0, 16)
	err := o.Members(func(name string, value json.RawMessage) error {
		found = append(found, Member{name, value})
		return names.Add(name)
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// Find returns the value of the member with exactly this name.
func (m Members) Find(name string) (value json.RawMessage, ok bool) {
	for i := range m {
		if m[i].Name == name {
			return m[i].Value, true
		}
	}
	return nil, false
}

// Text returns a member that must be a string if it is present. A null member is
// present.
func (m Members) Text(name string) (text string, ok bool, err error) {
	value, _ := m.Find(name)
	return TextOf(name, value)
}

// TextOf is Members.Text for a value that was already found, or nil. The error quotes the
// name.
func TextOf(name string, value json.RawMessage) (text string, ok bool, err error) {
	if value == nil {
		return "", false, nil
	}
	if text, ok = Text(value); !ok {
		return "", false, fmt.Errorf("%q is not a string", name)
	}
	return text, true, nil
}
