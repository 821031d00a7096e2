package documents

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// checking calls the function of the page with a delivery from its standard input, and once
// more with each part of it changed.
const checking = `
import json, sys

got = json.load(sys.stdin)
secret, headers, body = got["secret"], got["headers"], got["body"].encode()
old = dict(headers, **{"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 301)})
other = dict(headers, **{"webhook-id": "msg_other"})
print(verify(secret, headers, body), verify(secret, headers, body + b" "), verify(secret, old, body),
    verify(secret, other, body), verify("another-" + secret.removeprefix("whsec_"), headers, body))
`

// The page of the webhook shows a message as the gate sends it, and code that verifies it.
func TestTheWebhookIsAsDocumented(t *testing.T) {
	page := harness.Blocks(t, "docs/webhook.md")
	text := func(language string) string {
		i := slices.IndexFunc(page, func(b harness.Block) bool { return b.Language == language })
		if i < 0 {
			t.Fatalf("docs/webhook.md has no %s", language)
		}
		return page[i].Text
	}
	for name, secret := range map[string]string{
		"text": strings.Repeat("0123456789", 4), "base64": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
	} {
		t.Run("with a secret of "+name, func(t *testing.T) {
			hook := harness.NewHook(t)
			g := harness.Start(t, harness.Config{App: "notify " + hook.URL + " " + secret})
			token := g.Token(harness.Session("a"))
			harness.See(t, g, token)
			answers.Invalidated.Check(t, harness.End(t, g, token))
			harness.Eventually(t, 10*time.Second, "the receiver has a message", func() bool { return len(hook.Got()) == 1 })
			got := hook.Got()[0]

			headers := make(map[string]string)
			for name := range got.Header {
				headers[strings.ToLower(name)] = got.Header.Get(name)
			}
			input, err := json.Marshal(map[string]any{"secret": secret, "headers": headers, "body": got.Body})
			if err != nil {
				t.Fatal(err)
			}
			if said := output(t, string(input), "python3", "-c", text("python")+checking); said != "True False False False False\n" {
				t.Errorf("the code of the page says %q", said)
			}
			var sent, shown any
			if err := json.Unmarshal([]byte(got.Body), &sent); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(text("json")), &shown); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(shape(sent), shape(shown)) {
				t.Errorf("the gate sends\n%s\nand the page shows\n%s", got.Body, text("json"))
			}
		})
	}
}

// shape returns the members of a JSON value, with the types of their values.
func shape(value any) any {
	object, ok := value.(map[string]any)
	if !ok {
		return fmt.Sprintf("%T", value)
	}
	shapes := make(map[string]any)
	for name, member := range object {
		shapes[name] = shape(member)
	}
	return shapes
}
