package oauth

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"strings"
)

// Decode returns the content of a body with these Content-Encoding fields (RFC 9110
// §8.4), of at most limit bytes. It knows gzip and deflate. Errors wrap ErrAnswer.
//
// Attack: a body of some kilobytes that decompresses to gigabytes.
func Decode(encodings []string, body []byte, limit int) ([]byte, error) {
	var reader io.Reader
	var err error
	switch encoding := strings.ToLower(strings.TrimSpace(strings.Join(encodings, ","))); encoding {
	case "", "identity":
		if len(body) > limit {
			return nil, withhold("too large")
		}
		return body, nil
	case "gzip", "x-gzip":
		reader, err = gzip.NewReader(bytes.NewReader(body))
	case "deflate":
		// zlib as in the RFC, or without its frame from some servers.
		if reader, err = zlib.NewReader(bytes.NewReader(body)); err != nil {
			reader, err = flate.NewReader(bytes.NewReader(body)), nil
		}
	default:
		return nil, withhold("a Content-Encoding other than gzip and deflate")
	}
	if err != nil {
		return nil, withhold("not what its Content-Encoding says")
	}
	content, err := io.ReadAll(io.LimitReader(reader, int64(limit)+1))
	switch {
	case len(content) > limit:
		return nil, withhold("too large when decoded")
	case err != nil:
		return nil, withhold("not what its Content-Encoding says")
	}
	return content, nil
}
