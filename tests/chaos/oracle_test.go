package chaos

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// An oracle that finds nothing proves nothing. So this test reports each forbidden answer
// once, in each order in which clients may report.
func TestOracleFindsForbiddenAnswers(t *testing.T) {
	promised := time.Now()
	before, after := promised.Add(-time.Nanosecond), promised.Add(time.Nanosecond)
	for name, c := range map[string]struct {
		reports func(*Oracle)
		fault   string
	}{
		"admitted after the promise": {func(o *Oracle) {
			o.Tries("s")
			o.Promised("s", 1, promised)
			o.Answered("s", 2, after, admitted)
		}, "gate 2 admitted a request of s that began 1ns after gate 1"},
		"admitted after it, and reported before": {func(o *Oracle) {
			o.Tries("s")
			o.Answered("s", 2, after, admitted)
			o.Answered("s", 0, before, admitted)
			o.Promised("s", 1, promised)
		}, "gate 2 admitted a request of s that began 1ns after gate 1"},
		"admitted after the earlier of two promises": {func(o *Oracle) {
			o.Tries("s")
			o.Promised("s", 0, after.Add(time.Second))
			o.Promised("s", 1, promised)
			o.Answered("s", 2, after, admitted)
		}, "after gate 1 had confirmed"},
		"refused without reason": {func(o *Oracle) { o.Answered("s", 0, after, refused) }, "gate 0 refused s, which nobody ended"},
		"answered otherwise":     {func(o *Oracle) { o.Answered("s", 0, after, 502) }, "gate 0 answered 502 for s"},
		"refused without reason, after an excuse": {func(o *Oracle) {
			o.Excuse(true)
			o.Excuse(false)
			o.Answered("s", 0, after, refused)
		}, "gate 0 refused s, which nobody ended"},
		"a DELETE refused without reason": {func(o *Oracle) { o.Deleted("s", 0, refused, 200) }, "gate 0 answered 401 to the DELETE of s"},
		"a DELETE answered otherwise": {func(o *Oracle) {
			o.Excuse(true)
			o.Deleted("s", 0, 404, 200)
		}, "gate 0 answered 404 to the DELETE of s"},
		"admitted after the promise, while a clock is wrong": {func(o *Oracle) {
			o.Excuse(true)
			o.Promised("s", 1, promised)
			o.Answered("s", 2, after, admitted)
		}, "gate 2 admitted a request of s"},
		"said by the client": {func(o *Oracle) { o.Faultf("%d", 7) }, "7"},

		"admitted before the promise": {func(o *Oracle) {
			o.Tries("s")
			o.Promised("s", 0, promised)
			o.Promised("s", 1, after.Add(time.Second))
			o.Answered("s", 0, before, admitted)
			o.Answered("s", 0, promised, admitted)
		}, ""},
		"refused while a DELETE is under way": {func(o *Oracle) {
			o.Tries("s")
			o.Answered("s", 0, before, refused)
			o.Answered("s", 1, after, admitted)
		}, ""},
		"refused while a clock is wrong": {func(o *Oracle) {
			o.Excuse(true)
			o.Answered("s", 0, after, refused)
			o.Deleted("s", 0, refused, 200)
		}, ""},
		"a DELETE answered as it may be": {func(o *Oracle) {
			for _, status := range []int{200, 404, unavailable, unanswered} {
				o.Deleted("s", 0, status, 200, 404)
			}
		}, ""},
		"another session": {func(o *Oracle) {
			o.Promised("s", 0, promised)
			o.Answered("t", 0, after, admitted)
		}, ""},
		"unavailable": {func(o *Oracle) {
			o.Promised("s", 0, promised)
			o.Answered("s", 0, after, unavailable)
			o.Answered("s", 0, after, unanswered)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := NewOracle()
			c.reports(o)
			got := o.Faults()
			if c.fault == "" && len(got) > 0 || c.fault != "" && (len(got) != 1 || !strings.Contains(got[0], c.fault)) {
				t.Errorf("found %q, want %q", got, c.fault)
			}
			if len(got) != o.Count() {
				t.Errorf("counted %d of %d", o.Count(), len(got))
			}
		})
	}
}

func TestOracleCountsRefusalsThatAreExcused(t *testing.T) {
	o, now := NewOracle(), time.Now()
	o.Answered("ended", 0, now, unavailable)
	o.Tries("ended")
	o.Excuse(true)
	for range 2 {
		o.Answered("live", 0, now, refused)
	}
	o.Answered("ended", 0, now, refused)
	o.Answered("live", 0, now, admitted)
	o.Deleted("live", 0, refused)
	if got := o.ExcusedRefusals(); got != 3 || o.Count() != 0 {
		t.Errorf("counted %d refusals and %d faults, want 3 and none", got, o.Count())
	}
}

// Attack: use a session at another gate after the 200 of a gate with `acknowledge store`.
// That 200 is no promise. It must not count, whenever a reload sets or removes that
// setting.
func TestAGateThatWaitsForTheStoreAlonePromisesNothing(t *testing.T) {
	var g Gate
	during := func(app string) (loose bool) {
		g.promises(app, func() { loose = g.loose.Load() })
		return loose
	}
	for _, c := range []struct {
		app           string
		during, after bool
	}{
		{"acknowledge fleet", false, false},
		{"acknowledge store", true, true},
		{"acknowledge store", true, true},
		{"acknowledge lease", true, false},
		{"acknowledge fleet", false, false},
	} {
		if got := during(c.app); got != c.during || g.loose.Load() != c.after {
			t.Errorf("%s: promises nothing: %v while it is loaded and %v then, want %v and %v", c.app, got, g.loose.Load(), c.during, c.after)
		}
	}
	for _, reply := range []Reply{{Status: 200, Loose: true}, {Status: 404, Loose: true}, {Status: unavailable}, {Status: refused}, {Status: unanswered}} {
		if reply.Promises() {
			t.Errorf("%+v promises that a session has ended", reply)
		}
	}
	for _, status := range []int{200, 404} {
		if !(Reply{Status: status}).Promises() {
			t.Errorf("%d promises nothing", status)
		}
	}
}

// recorder is a testing.TB that records errors without failing.
type recorder struct {
	testing.TB
	errors []string
}

func (*recorder) Helper()               {}
func (r *recorder) Error(values ...any) { r.errors = append(r.errors, fmt.Sprint(values...)) }
func (r *recorder) Errorf(format string, values ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, values...))
}

func TestCheckFailsTheTestAndStaysReadable(t *testing.T) {
	for _, faults := range []int{0, 1, shown, shown + 5} {
		f, r := &Fleet{Oracle: NewOracle()}, new(recorder)
		for i := range faults {
			f.Oracle.Faultf("fault %d", i)
		}
		f.Check(r)
		if want := min(faults, shown+1); len(r.errors) != want {
			t.Errorf("%d faults give %d errors, want %d", faults, len(r.errors), want)
		}
		if last := fmt.Sprintf("and %d more", faults-shown); faults > shown && r.errors[shown] != last {
			t.Errorf("the last error is %q, want %q", r.errors[shown], last)
		}
	}
}
