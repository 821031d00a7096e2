package reply

import (
	"net/http"
	"testing"
)

func TestMediaTypes(t *testing.T) {
	for text, want := range map[string]Media{
		"application/json": MediaJSON, `Application/JSON; charset="UTF-8"`: MediaJSON, " application/json ;": MediaJSON,
		"application/x-www-form-urlencoded": MediaForm, "Application/X-WWW-Form-Urlencoded;charset=utf-8": MediaForm,
		"": MediaOther, "text/plain": MediaOther, "multipart/form-data; boundary=a": MediaOther, "application/json-patch+json": MediaOther,
		"application/json; charset=utf-16": MediaOther, "application/json; boundary=a": MediaOther, "application/json, text/plain": MediaOther,
		"application/x-www-form-urlencoded; charset=latin1": MediaOther, "application/x-www-form-urlencoded; charset*=us-ascii'en'utf-8": MediaOther,
		`application/json; charset="u\tf-8"`: MediaOther, "application/json\f": MediaOther, "application/": MediaOther,
	} {
		if got := MediaType(http.Header{"Content-Type": {text}}); got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
	for name, header := range map[string]http.Header{
		"none": {}, "two": {"Content-Type": {"application/json", "application/json"}},
		"in a coding": {"Content-Type": {"application/json"}, "Content-Encoding": {"identity"}},
	} {
		if got := MediaType(header); got != MediaOther {
			t.Errorf("%s is %d", name, got)
		}
	}
}

// Issuers name the charset of their framework with a form.
func TestFormsMayHaveAnyCharset(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	for text, want := range map[string]bool{
		form: true, form + "; charset=utf-8": true, form + ";charset=ISO-8859-1": true, `Application/X-WWW-Form-Urlencoded; charset="us-ascii"`: true,
		form + "; charset=": false, form + "; boundary=a": false, form + "; charset=a; boundary=b": false, form + "; charset*=us-ascii'en'utf-8": false,
		form + ", " + form: false, "application/json": false, "": false, "multipart/form-data; charset=utf-8": false,
	} {
		if got := IsForm(http.Header{"Content-Type": {text}}); got != want {
			t.Errorf("%q is a form: %t, want %t", text, got, want)
		}
	}
	if IsForm(http.Header{"Content-Type": {form}, "Content-Encoding": {"gzip"}}) {
		t.Error("a compressed form is a form")
	}
}

// Attack: delete /v1/auth/session, which an upstream that folds methods reads as DELETE.
func TestMethodsInAnotherLetterCase(t *testing.T) {
	methods := []string{http.MethodDelete, http.MethodGet}
	for method, want := range map[string]struct{ is, miscased bool }{
		"DELETE": {true, false}, "delete": {true, true}, "Delete": {true, true}, "GET": {false, false}, "get": {false, true},
		"POST": {false, false}, "post": {false, false}, "": {false, false}, "DELETE ": {false, false}, "DELET\u00c9": {false, false},
	} {
		if IsMethod(method, http.MethodDelete) != want.is || IsMiscased(method, methods) != want.miscased {
			t.Errorf("%q is DELETE: %t, miscased: %t", method, !want.is, !want.miscased)
		}
	}
	// Some readers fold "ſ" to "s"; the length distinguishes them.
	if IsMethod("PO\u017fT", http.MethodPost) {
		t.Error("PO\u017fT is POST")
	}
}
