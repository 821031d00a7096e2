package architecture

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	headings = regexp.MustCompile(`(?m)^#+ (.+)$`)
	fenced   = regexp.MustCompile("(?ms)^```.*?^```$")
	unlinked = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors returns the fragments of the headings of a page, as GitHub builds them.
func anchors(page string) map[string]bool {
	found := make(map[string]bool)
	for _, title := range headings.FindAllStringSubmatch(fenced.ReplaceAllString(page, ""), -1) {
		found[strings.ReplaceAll(unlinked.ReplaceAllString(strings.ToLower(title[1]), ""), " ", "-")] = true
	}
	return found
}

// Links between the pages must lead to existing files and headings.
func TestLinksBetweenPagesLeadSomewhere(t *testing.T) {
	pages, err := filepath.Glob(path.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"README.md", "SECURITY.md", "CHANGELOG.md"} {
		pages = append(pages, path.Join(root, name))
	}
	links := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range link.FindAllStringSubmatch(fenced.ReplaceAllString(string(text), ""), -1) {
			if strings.Contains(found[1], "://") {
				continue
			}
			links++
			checkLink(t, page, found[1])
		}
	}
	if links < 40 {
		t.Errorf("found %d links in %d pages, want 40 or more", links, len(pages))
	}
}

func checkLink(t *testing.T, page, target string) {
	t.Helper()
	file, fragment, _ := strings.Cut(target, "#")
	to := page
	if file != "" {
		to = path.Join(path.Dir(page), file)
	}
	info, err := os.Stat(to)
	if err != nil || fragment == "" {
		if err != nil {
			t.Errorf("%s links to %s: %v", page, target, err)
		}
		return
	}
	if info.IsDir() {
		t.Errorf("%s links to the heading %s of a directory", page, target)
		return
	}
	text, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	if !anchors(string(text))[fragment] {
		t.Errorf("%s links to %s, and that page has no such heading", page, target)
	}
}

func TestHeadingsBecomeAnchorsAsOnGitHub(t *testing.T) {
	found := anchors("# What is promised, and what is not\n```sh\n# no-heading\n```\n## Replicas, Sentinel\n")
	if len(found) != 2 || !found["what-is-promised-and-what-is-not"] || !found["replicas-sentinel"] {
		t.Errorf("anchors are %v", found)
	}
}
