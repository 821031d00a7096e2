package observed

import (
	"flag"
	"fmt"
	"html"
	"image"
	"image/color"
	imagedraw "image/draw"
	"image/png"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var picture = flag.String("picture", "", "draw the board with the series of the test into this PNG file; the test takes two minutes")

const (
	column = 56 // the width of one of Grafana's 24 columns, in pixels
	line   = 26 // the height of one of its rows
	gap    = 4  // around a panel
)

// palette are the colours of series, by their order.
var palette = []string{"#73bf69", "#f2cc0c", "#5794f2", "#ff780a", "#f2495c", "#b877d9", "#37872d", "#8ab8ff", "#e0b400", "#c4162a"}

// draw draws the board with the series that Prometheus has. Grafana is not at hand, so this
// shows what the panels hold, and not each detail of their looks.
func draw(t *testing.T, p *prometheus, b board, file string) {
	t.Helper()
	var page strings.Builder
	height := 0
	for _, panel := range b.Panels {
		height = max(height, (panel.Grid.Y+panel.Grid.H)*line)
	}
	width := 24*column + 2*gap
	fmt.Fprintf(&page, `<!doctype html><meta charset="utf-8"><body style="margin:0;background:#f4f5f5">`+
		`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="DejaVu Sans, sans-serif" font-size="11">`, width, height+2*gap)
	for _, panel := range b.Panels {
		drawing{&page, panel, float64(panel.Grid.X*column + gap), float64(panel.Grid.Y*line + gap)}.draw(t, p)
	}
	page.WriteString("</svg>")
	dir := t.TempDir()
	write(t, filepath.Join(dir, "board.html"), page.String())
	shot := exec.Command("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--user-data-dir="+filepath.Join(dir, "profile"),
		fmt.Sprintf("--window-size=%d,%d", width, height+2*gap), "--screenshot="+filepath.Join(dir, "board.png"), "file://"+filepath.Join(dir, "board.html"))
	if output, err := shot.CombinedOutput(); err != nil {
		t.Fatalf("drawing the board: %v\n%s", err, output)
	}
	if err := shrink(filepath.Join(dir, "board.png"), file); err != nil {
		t.Fatal(err)
	}
}

// shrink copies a picture with at most 256 colours, so that the repository stays small.
func shrink(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	full, err := png.Decode(source)
	if err != nil {
		return err
	}
	often := make(map[color.Color]int)
	bounds := full.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			often[full.At(x, y)]++
		}
	}
	colours := slices.SortedFunc(maps.Keys(often), func(a, b color.Color) int { return often[b] - often[a] })
	small := image.NewPaletted(bounds, colours[:min(len(colours), 256)])
	imagedraw.Draw(small, bounds, full, bounds.Min, imagedraw.Src)
	target, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer target.Close()
	return (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(target, small)
}

// drawing is the drawing of one panel, with its upper left corner.
type drawing struct {
	page  *strings.Builder
	panel panel
	x, y  float64
}

func (d drawing) text(x, y float64, style, text string) {
	fmt.Fprintf(d.page, `<text x="%.1f" y="%.1f" %s>%s</text>`, d.x+x, d.y+y, style, html.EscapeString(text))
}

func (d drawing) box(w, h float64, fill string) {
	fmt.Fprintf(d.page, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="2" fill="%s" stroke="#ddd"/>`, d.x, d.y, w, h, fill)
}

func (d drawing) draw(t *testing.T, p *prometheus) {
	t.Helper()
	w, h := float64(d.panel.Grid.W*column-gap), float64(d.panel.Grid.H*line-gap)
	switch d.panel.Type {
	case "row":
		d.text(4, 16, `font-size="14" font-weight="bold" fill="#333"`, d.panel.Title)
	case "stat":
		d.stat(t, p, w, h)
	default:
		d.chart(t, p, w, h)
	}
}

// stat draws the last value on the colour of its threshold.
func (d drawing) stat(t *testing.T, p *prometheus, w, h float64) {
	t.Helper()
	value, fill := "No data", "#ccc"
	if found := p.history(t, d.panel.Targets[0].Expr, time.Second); len(found) > 0 {
		last := found[0].Values[len(found[0].Values)-1].value
		value = formatted(last, d.panel.FieldConfig.Defaults.Unit)
		for _, step := range d.panel.FieldConfig.Defaults.Thresholds.Steps {
			if step.Value == nil || last >= *step.Value {
				fill = map[string]string{"green": "#56a64b", "orange": "#ff780a", "red": "#e02f44"}[step.Color]
			}
		}
	}
	d.box(w, h, fill)
	d.text(8, 18, `fill="#fff" font-weight="bold" font-size="12"`, d.panel.Title)
	d.text(w/2, h/2+22, `fill="#fff" font-size="34" text-anchor="middle"`, value)
}

// legend names a series as Grafana does.
func legend(format string, labels map[string]string) string {
	for name, value := range labels {
		format = strings.ReplaceAll(format, "{{"+name+"}}", value)
	}
	return format
}

// chart draws the series as lines, stacked if the panel wants that.
func (d drawing) chart(t *testing.T, p *prometheus, w, h float64) {
	t.Helper()
	d.box(w, h, "#fff")
	d.text(8, 17, `fill="#333" font-weight="bold" font-size="12"`, d.panel.Title)
	var all []series
	var names []string
	for _, target := range d.panel.Targets {
		for _, s := range p.history(t, target.Expr, time.Second) {
			all, names = append(all, s), append(names, legend(target.LegendFormat, s.Labels))
		}
	}
	defaults := d.panel.FieldConfig.Defaults
	if defaults.Custom.Stacking.Mode == "normal" {
		stack(all)
	}
	low, high, tick := limits(all, defaults.Min, defaults.Max)
	const left, top, right = 62, 28, 10
	bottom := 34 + 13*float64((len(names)-1)/2)
	width, height := w-left-right, h-top-bottom
	for v := low; v <= high+tick/2; v += tick {
		y := top + height*(high-v)/(high-low)
		fmt.Fprintf(d.page, `<path d="M%.1f %.1fh%.1f" stroke="#e8e8e8"/>`, d.x+left, d.y+y, width)
		d.text(left-5, y+4, `text-anchor="end" fill="#666" font-size="10"`, formatted(v, defaults.Unit))
	}
	begin, end := float64(p.began.Unix()), float64(time.Now().Unix())
	d.text(left, top+height+11, `fill="#666" font-size="9"`, "0 s")
	d.text(w-right, top+height+11, `text-anchor="end" fill="#666" font-size="9"`, formatted(end-begin, "s"))
	for i := len(all) - 1; i >= 0; i-- { // the first lies above the others
		var path strings.Builder
		command, last := "M", 0.0
		for _, v := range all[i].Values {
			x, y := d.x+left+width*(v.at-begin)/(end-begin), d.y+top+height*(high-v.value)/(high-low)
			if defaults.Custom.DrawStyle == "bars" {
				fmt.Fprintf(&path, "M%.1f %.1fV%.1f", x+float64(i%3)-1, d.y+top+height, y)
				continue
			}
			if last != 0 && v.at-last > 1.5 {
				command = "M" // no data in between
			}
			fmt.Fprintf(&path, "%s%.1f %.1f", command, x, y)
			command, last = "L", v.at
		}
		fmt.Fprintf(d.page, `<path d="%s" fill="none" stroke="%s" stroke-width="1.6"/>`, path.String(), palette[i%len(palette)])
	}
	for i, name := range names {
		x, y := 12+float64(i%2)*(w-16)/2, h-bottom+22+13*float64(i/2)
		fmt.Fprintf(d.page, `<rect x="%.1f" y="%.1f" width="9" height="3" fill="%s"/>`, d.x+x, d.y+y-5, palette[i%len(palette)])
		d.text(x+13, y, `fill="#333" font-size="10"`, name)
	}
}

// stack adds to each series those before it.
func stack(all []series) {
	sums := make(map[float64]float64)
	for _, s := range all {
		for i, v := range s.Values {
			sums[v.at] += v.value
			s.Values[i].value = sums[v.at]
		}
	}
}

// limits returns the ends of the vertical axis, and the distance between its marks.
func limits(all []series, lowest, highest *float64) (low, high, tick float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, s := range all {
		for _, v := range s.Values {
			low, high = min(low, v.value), max(high, v.value)
		}
	}
	if lowest != nil {
		low = *lowest
	}
	if highest != nil {
		high = *highest
	}
	if len(all) == 0 || high-low < 1e-9 {
		high = low + 1
	}
	tick = math.Pow(10, math.Floor(math.Log10((high-low)/2)))
	for _, times := range []float64{2, 2.5, 2} { // 2, 5, 10
		if (high-low)/tick > 5 {
			tick *= times
		}
	}
	return math.Floor(low/tick) * tick, math.Ceil(high/tick-1e-9) * tick, tick
}

// formatted shows a value with its unit.
func formatted(v float64, unit string) string {
	switch unit {
	case "s":
		if math.Abs(v) < 1 && v != 0 {
			return fmt.Sprintf("%.3g ms", v*1000)
		}
		return fmt.Sprintf("%.3g s", v)
	case "bytes":
		for _, suffix := range []string{"B", "KiB", "MiB"} {
			if math.Abs(v) < 1024 {
				return fmt.Sprintf("%.3g %s", v, suffix)
			}
			v /= 1024
		}
		return fmt.Sprintf("%.3g GiB", v)
	case "percentunit":
		return fmt.Sprintf("%.3g %%", v*100)
	case "reqps":
		return fmt.Sprintf("%.3g req/s", v)
	case "ops":
		return fmt.Sprintf("%.3g ops/s", v)
	default:
		return fmt.Sprintf("%.3g", v)
	}
}
