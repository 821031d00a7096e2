package harness

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Block is a fenced block of the README, or of another document.
type Block struct {
	// Language is the word after the fence, such as "sh".
	Language string
	// Text is the contents, each line with its end.
	Text string
}

// Readme returns the fenced blocks of the README, in their order.
func Readme(tb testing.TB) []Block {
	tb.Helper()
	return Blocks(tb, "README.md")
}

// Documented returns the fenced blocks of the README, and then those of the pages in docs,
// ordered by page name.
func Documented(tb testing.TB) []Block {
	tb.Helper()
	root, err := Root()
	if err != nil {
		tb.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(pages) == 0 {
		tb.Fatalf("found %d pages in docs, error %v", len(pages), err)
	}
	blocks := Readme(tb)
	for _, page := range pages {
		blocks = append(blocks, Blocks(tb, filepath.Join("docs", filepath.Base(page)))...)
	}
	return blocks
}

// Blocks returns the fenced blocks of a document of the repository, in their order.
func Blocks(tb testing.TB, document string) []Block {
	tb.Helper()
	root, err := Root()
	if err != nil {
		tb.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(root, document))
	if err != nil {
		tb.Fatal(err)
	}
	var blocks []Block
	var current *Block
	for line := range strings.Lines(string(content)) {
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && current == nil:
			current = &Block{Language: strings.TrimSpace(language)}
		case fence:
			blocks, current = append(blocks, *current), nil
		case current != nil:
			current.Text += line
		}
	}
	if current != nil {
		tb.Fatalf("the last block of %s is not closed", document)
	}
	return blocks
}
