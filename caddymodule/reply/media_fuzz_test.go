package reply

import (
	"net/http"
	"regexp"
	"testing"
)

// plainType matches media types that every reader reads as JSON in UTF-8, stated once or
// more. usualType matches the media types that clients send.
var (
	plainType = regexp.MustCompile(`(?i)^[ \t]*application/json[ \t]*(;[ \t]*charset[ \t]*=[ \t]*("utf-8"|utf-8)[ \t]*)*;?[ \t]*$`)
	usualType = regexp.MustCompile(`(?i)^[ \t]*application/json[ \t]*(;[ \t]*charset=("utf-8"|utf-8)[ \t]*)?;?[ \t]*$`)
)

// Attack: the gate reads a media type as JSON. A proxy in front of it, or that proxy's log,
// reads it as something else.
func FuzzMediaType(f *testing.F) {
	for _, mediaType := range []string{
		"application/json", "Application/JSON; charset=utf-8", `application/json;charset="UTF-8";`, "application/json; charset=utf-16",
		"application/json; charset*=us-ascii'en'utf-8", "application/json; charset*0=utf; charset*1=-8", `application/json; charset="u\tf-8"`,
		"application/json; boundary=a", "application/json, text/plain", " application/json\t;", "application/json; charset=utf-8; charset=utf-8",
	} {
		f.Add(mediaType)
	}
	f.Fuzz(func(t *testing.T, mediaType string) {
		got := MediaType(http.Header{"Content-Type": {mediaType}}) == MediaJSON
		if got && !plainType.MatchString(mediaType) || !got && usualType.MatchString(mediaType) {
			t.Errorf("%q is JSON in UTF-8: %t", mediaType, got)
		}
	})
}
