package strictjson

import "encoding/json"

// scanner reads a valid document. So it only looks for brackets and quotes, and cannot run
// past the end.
type scanner struct {
	doc []byte
	at  int
}

// object visits the members of the object that begins here. Names have their quotes.
func (s *scanner) object(visit func(quoted []byte, value json.RawMessage) error) error {
	s.at++
	for s.skipSpace(); s.doc[s.at] != '}'; s.skipSpace() {
		if s.doc[s.at] == ',' {
			s.at++
			s.skipSpace()
		}
		name := s.quoted()
		s.skipSpace()
		s.at++ // the colon
		s.skipSpace()
		if err := visit(name, s.value()); err != nil {
			return err
		}
	}
	return nil
}

// value returns the text of the value that begins here and skips it.
func (s *scanner) value() json.RawMessage {
	start := s.at
	switch s.doc[s.at] {
	case '"':
		return s.quoted()
	case '{', '[':
		s.nested()
	default:
		for s.at < len(s.doc) && !endsScalar(s.doc[s.at]) {
			s.at++
		}
	}
	return s.doc[start:s.at:s.at]
}

// quoted returns the string that begins here, quotes included.
func (s *scanner) quoted() []byte {
	start := s.at
	for s.at++; s.doc[s.at] != '"'; s.at++ {
		if s.doc[s.at] == '\\' {
			s.at++
		}
	}
	s.at++
	return s.doc[start:s.at:s.at]
}

// nested skips the object or array that begins here.
func (s *scanner) nested() {
	for level := 0; ; {
		switch s.doc[s.at] {
		case '"':
			s.quoted()
			continue
		case '{', '[':
			level++
		case '}', ']':
			level--
		}
		s.at++
		if level == 0 {
			return
		}
	}
}

func (s *scanner) skipSpace() {
	for isSpace(s.doc[s.at]) {
		s.at++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func endsScalar(c byte) bool { return c == ',' || c == '}' || c == ']' || isSpace(c) }
