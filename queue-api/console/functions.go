// SPDX-License-Identifier: Apache-2.0

package console

import (
	"errors"
	"fmt"
	"html/template"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

// functions are what templates may call beside what html/template has.
func functions(a assets) template.FuncMap {
	return template.FuncMap{
		"static":    a.link,
		"at":        at,
		"age":       age,
		"duration":  duration,
		"number":    number,
		"vcpus":     vcpus,
		"dollars":   dollars,
		"cost":      costText,
		"percent":   percent,
		"plural":    plural[int],
		"plural64":  plural[int64],
		"fromOne":   func(i int) int { return i + 1 },
		"lower":     strings.ToLower,
		"jobPath":   jobPath,
		"queuePath": queuePath,
		"query":     query,
		"dollarsOf": func(n *float64) string { return dollars(*n) },
		"number64":  func(n int) string { return number(int64(n)) },
		"seconds":   func(d time.Duration) string { return duration(int64(d.Seconds())) },
		"clockTime": func(millis int64) string { return time.UnixMilli(millis).UTC().Format("15:04:05.000") },
		"slug":      func(text string) string { return strings.ReplaceAll(text, " ", "-") },
		"marks":     func() []string { return []string{"draining", "idle", "not ready", "reserved", "spot"} },
		"dict":      dict,
		"int":       toInt,
		"deref":     pointedTo,

		"environment": environmentName,
	}
}

// at is a time of Unix milliseconds as HTML's time element has it.
func at(millis int64) string { return time.UnixMilli(millis).UTC().Format("2006-01-02T15:04:05Z") }

// age is for how long something lasts already.
func age(since, now int64) string { return duration((now - since) / 1000) }

// duration is a number of seconds for readers: two units.
func duration(seconds int64) string {
	switch s := max(0, seconds); {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm %02ds", s/60, s%60)
	case s < 24*3600:
		return fmt.Sprintf("%dh %02dm", s/3600, s/60%60)
	default:
		return fmt.Sprintf("%dd %02dh", s/86400, s/3600%24)
	}
}

// number groups digits by three.
func number(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return sign + b.String()
}

// vcpus shows up to two places.
func vcpus(n float64) string {
	if n >= 1000 {
		return number(int64(math.Round(n)))
	}
	return strconv.FormatFloat(math.Round(n*100)/100, 'f', -1, 64)
}

func dollars(n float64) string {
	if n > 0 && n < 0.0001 {
		return "<$0.0001"
	}
	if n > 0 && n < 1 {
		return "$" + strconv.FormatFloat(n, 'f', 4, 64)
	}
	return "$" + strconv.FormatFloat(n, 'f', 2, 64)
}

// percent is a part of a whole, at most 100; 0 of nothing.
func percent(part, whole float64) int {
	if whole <= 0 {
		return 0
	}
	return int(math.Round(100 * min(1, max(0, part/whole))))
}

func queuePath(name string) string { return Root + "queues/" + url.PathEscape(name) }

// environmentName is the name in a compute environment's ARN.
func environmentName(arn string) string {
	if name, ok := batch.NameFromARN(batch.ARNComputeEnvironment, arn); ok {
		return name
	}
	return arn
}

func jobPath(id string) string { return Root + "jobs/" + url.PathEscape(id) }

// query is a path with members of its query: name, value, name, value. Empty values are left out.
func query(path string, pairs ...string) (string, error) {
	if len(pairs)%2 != 0 {
		return "", errors.New("query: a name without a value")
	}
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path, nil
	}
	return path + "?" + q.Encode(), nil
}

// dict gives a part several things.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, errors.New("dict: a name without a value")
	}
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, errors.New("dict: a name is no string")
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}

// toInt makes what counts one type.
func toInt(n any) (int64, error) {
	switch n := n.(type) {
	case int:
		return int64(n), nil
	case int64:
		return n, nil
	}
	return 0, fmt.Errorf("int: %T is no whole number", n)
}

// pointedTo is what a pointer to a number points to.
func pointedTo(p any) (any, error) {
	switch p := p.(type) {
	case *int:
		return *p, nil
	case *int64:
		return *p, nil
	case *float64:
		return *p, nil
	}
	return nil, fmt.Errorf("pointedTo: %T is no pointer to a number", p)
}
