package reply

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Over HTTP/3 a request of unknown length may have a body or none. In other versions it has
// a body.
func TestHasBodyAndMayHaveBody(t *testing.T) {
	for _, c := range []struct {
		major    int
		length   int64
		has, may bool
	}{
		{1, 0, false, false},
		{1, 5, true, false},
		{1, -1, true, false},
		{2, 0, false, false},
		{2, -1, true, false},
		{3, 0, false, false},
		{3, 5, true, false},
		{3, -1, false, true},
	} {
		r := &http.Request{ProtoMajor: c.major, ContentLength: c.length}
		if HasBody(r) != c.has || MayHaveBody(r) != c.may {
			t.Errorf("HTTP/%d, length %d: has a body %t, may have one %t", c.major, c.length, HasBody(r), MayHaveBody(r))
		}
	}
}

func TestADroppedBodyIsEmpty(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("abc"))
	r.ContentLength, r.Trailer = -1, http.Header{"X": nil}
	DropBody(r)
	if r.Body != http.NoBody || r.ContentLength != 0 || r.Trailer != nil {
		t.Errorf("left are %v, length %d, trailers %v", r.Body, r.ContentLength, r.Trailer)
	}
}
