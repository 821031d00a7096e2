package token

import (
	"encoding/json"
	"strings"
	"unsafe"
)

// placeholder is the prefix of the placeholders of Caddy's authentication handlers.
const placeholder = "http.auth.user."

// placeholders holds the texts of a token for every gate, boxed once, so that returning
// them does not allocate.
type placeholders struct {
	subject, sessionID, tokenID, issuer any
}

// view adds the claims that one gate names.
type view struct {
	*placeholders
	names  []string
	texts  []Text
	values []any // the same, boxed
	// nested is how many bytes of texts the token does not hold as a top-level claim.
	nested int
	// function is lookup, stored once, because each method value allocates.
	function func(key string) (any, bool)
}

func (v *view) lookup(key string) (any, bool) {
	name, ok := strings.CutPrefix(key, placeholder)
	if !ok {
		return nil, false
	}
	// The four names come first: a claim called "id" must not replace the subject.
	switch name {
	case "id":
		return v.subject, true
	case "session_id":
		return v.sessionID, true
	case "token_id":
		return v.tokenID, true
	case "issuer":
		return v.issuer, true
	}
	for i, claim := range v.names {
		if claim == name {
			return v.values[i], true
		}
	}
	return nil, false
}

// addViews creates the placeholders of every view from the claims of the token. A missing
// claim has an empty text, so that no placeholder stays unreplaced in a header.
func (t *Verified) addViews(views [][]string, claims members) {
	shared := &placeholders{subject: t.Subject, sessionID: t.Session, tokenID: t.TokenID, issuer: t.Issuer}
	t.views = make([]*view, len(views))
	for i, names := range views {
		v := &view{
			placeholders: shared, names: names,
			texts: make([]Text, len(names)), values: make([]any, len(names)),
		}
		for j, name := range names {
			if c := t.find(name); c != nil {
				v.texts[j] = Text{c.text, true, c.fits}
			} else if value, ok := claims.at(name); ok {
				v.texts[j] = textAt(value)
				v.nested += len(v.texts[j].Text)
			}
			v.values[j] = v.texts[j].Text
		}
		v.function = v.lookup
		t.views[i] = v
	}
}

// textAt is a claim that is not at the top level as text.
func textAt(value json.RawMessage) Text {
	text, ok := claimText(value)
	return Text{text, ok, ok && fitsField(value, text)}
}

// viewsSize returns how much memory the views need, in bytes.
func (t *Verified) viewsSize() int64 {
	const closure, slot = 16, 8
	size := allocated(4*textSize) + 4*allocated(textSize) // the shared placeholders
	for _, v := range t.views {
		size += slot + closure + allocated(int64(unsafe.Sizeof(*v)))
		size += allocated(int64(v.nested))
		size += int64(len(v.values)) * (textSize + int64(unsafe.Sizeof(Text{})) + allocated(textSize))
	}
	return size
}
