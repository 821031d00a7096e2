package credential

import (
	"net/http"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/fieldname"
)

// protocolField is the field of a WebSocket's subprotocols (RFC 6455 §11.3.4), as the keys of
// http.Header are. A page can set no other field of a handshake.
const (
	protocolField = "Sec-Websocket-Protocol"
	protocolFold  = "sec-websocket-protocol"
)

// offer is the meaning of one subprotocol that a client offers.
type offer uint8

const (
	offerOther  offer = iota // a subprotocol for the upstream
	offerPrefix              // says that the next one is a token
	offerToken               // a token
	offerHidden              // some reader could find a token in it
)

// eachOffer calls visit for each subprotocol in the fields, with the token in it or the whole
// text, until visit returns false. A token is the entry after the entry prefix, or an entry
// that begins with the prefix and a dot.
func eachOffer(fields []string, prefix string, visit func(kind offer, text string) bool) {
	announced := false
	for _, field := range fields {
		for text := range fieldname.Members(field) {
			kind := offerOther
			joined, isJoined := strings.CutPrefix(text, prefix)
			if isJoined = isJoined && len(joined) > 1 && joined[0] == '.'; isJoined {
				text = joined[1:]
			}
			switch {
			case text == prefix && !isJoined:
				kind = offerPrefix
			case isJoined || announced:
				kind = offerToken
			case strings.EqualFold(text, prefix) || hasPrefixFold(text, prefix+".") || len(text) >= minTokenSize && strings.Count(text, ".") >= 2:
				kind = offerHidden
			}
			announced = kind == offerPrefix
			if !visit(kind, text) {
				return
			}
		}
	}
}

// findOffered returns the last token among the subprotocols, and how many there are. hidden
// reports whether some reader finds another one.
//
// Attack: beside the valid token, another subprotocol is a revoked one for an application
// that takes the first text that looks like a token, or that ignores letter case.
func (e *Extractor) findOffered(header http.Header) (raw string, found int, hidden bool) {
	eachOffer(header[protocolField], e.protocol, func(kind offer, text string) bool {
		switch kind {
		case offerToken:
			raw = text
			found++
		case offerHidden:
			hidden = true
		}
		return true
	})
	for name := range header {
		hidden = hidden || name != protocolField && fieldname.Equal(name, protocolFold)
	}
	return raw, found, hidden
}

// TakeOffered removes the token from the subprotocols of a request. It returns the
// subprotocol that the answer has to choose if the upstream chooses none, because browsers
// close a WebSocket to a server that chooses none of those that they offered: the first that
// remains, or the prefix. It returns "" if there was no token.
func (e *Extractor) TakeOffered(header http.Header) (chosen string) {
	if e.protocol == "" {
		return ""
	}
	if _, found, _ := e.findOffered(header); found == 0 {
		return ""
	}
	var rest []string
	eachOffer(header[protocolField], e.protocol, func(kind offer, text string) bool {
		if kind == offerOther || kind == offerHidden {
			rest = append(rest, text)
		}
		return true
	})
	if len(rest) == 0 {
		delete(header, protocolField)
		return e.protocol
	}
	header[protocolField] = []string{strings.Join(rest, ", ")}
	return rest[0]
}
