// SPDX-License-Identifier: Apache-2.0

package crash

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const root = "../../.."

// pointForm is what the name of a point looks like.
var pointForm = regexp.MustCompile(`^(redis|pods|nodes|configmaps|launches|reports|notices|fleet|kwok|exec|ec2)/[a-z-]+$`)

// writers are the methods that write, by what they are called on: a Kubernetes client, Redis or a pipeline, a fleet or what it
// speaks to. A call of any of them counts whose first argument is a context.
var writers = []string{
	"Create", "Update", "UpdateStatus", "Patch", "Delete", "DeleteCollection", "Apply", "Bind", "Evict", "EvictV1",
	"Set", "SetNX", "Incr", "IncrBy", "Decr", "Del", "Unlink", "Expire", "HSet", "HSetNX", "HDel", "HIncrBy", "SAdd", "SRem",
	"ZAdd", "ZRem", "ZIncrBy", "ZRemRangeByScore", "XAdd", "XDel", "XTrimMaxLen", "RPush", "LPush", "Rename", "Copy",
	"Eval", "EvalSha", "FCall", "Do", "Publish",
	"Launch", "Terminate", "CreateFleet", "RunInstances", "TerminateInstances", "StopInstances", "CreateTags",
	"CreateLaunchTemplate", "DeleteLaunchTemplate",
}

// exempt are the calls that only look like writes of the program's own, by file and called expression, with the reason.
var exempt = map[string]string{
	"queue-api/authz/authorizer.go a.reviews.Create":             "a question",
	"queue-api/authn/tokens.go t.client.Create":                  "a question",
	"autoscaler/doctor/access.go reviews.Create":                 "a question",
	"autoscaler/fleet/ec2/examine.go f.api.CreateLaunchTemplate": "a dry run",
	"autoscaler/fleet/ec2/examine.go f.api.TerminateInstances":   "a dry run",
	"autoscaler/fleet/ec2/examine_launch.go f.api.RunInstances":  "a dry run",
	"queue-api/redisstore/waiting.go pipe.Eval":                  "a script that only reads",
	"queue-api/redisstore/scripts.go script.EvalSha":             "within run, which is around it",
	"queue-api/redisstore/scripts.go script.Eval":                "within run, which is around it",
	"queue-api/redisstore/dependencies.go pipe.ZRem":             "within put, which is around it",
	"queue-api/redisstore/outbox.go pipe.HSet":                   "within put, which is around it",
	"queue-api/redisstore/records.go pipe.Set":                   "within put, which is around it",
	"queue-api/redisstore/records.go pipe.SAdd":                  "within put, which is around it",
	"queue-api/redisstore/scripts.go pipe.Incr":                  "within put, which is around it",
	"queue-api/redisstore/seal.go pipe.SetNX":                    "within put, which is around it",
	"queue-api/redisstore/scripts.go pipe.Set":                   "tells nothing new",
	"queue-api/redisstore/audit.go pipe.Do":                      "within put, which is around it",
	"queue-api/redisstore/retention.go pipe.ZRem":                "the pipeline's Exec is what writes",
	"queue-api/redisstore/retention.go pipe.Unlink":              "the pipeline's Exec is what writes",
	"queue-api/redisstore/retention.go pipe.Eval":                "the pipeline's Exec is what writes",
	"autoscaler/fleet/each.go s.Terminate":                       "of a fleet, whose own call has a point",
	"queue-api/dispatch/admit.go into.Create":                    "of PodClient, whose own call has a point",
	"autoscaler/report/census.go c.client.Patch":                 "says again and again what it counted; the next leader counts anew",
	"autoscaler/report/census.go c.client.Create":                "the same",
	"queue-api/uninstall/cluster.go client.Patch":                "of a command that looks at what is there whenever it is run again",
	"queue-api/uninstall/cluster.go client.Delete":               "the same",
	"queue-api/cli/apply.go step.Do":                             "of a user's command, which compares with what is there whenever it is run again",
	"queue-api/cli/apply.go d.Delete":                            "the same",
	"queue-api/console/api.go a.Do":                              "of the API, whose own writes have points",
	"queue-api/podevents/recorder.go r.client.Events().Create":   "of an Event, which nobody waits for",
	"plugins/cmd/batch-scheduler/events.go s.EventSink.Create":   "the same",
	"queue-api/redisstore/history.go s.client.HSet":              "a point of a chart, which nobody waits for",
	"queue-api/logs/archive.go a.store.Delete":                   "of old logs, in no order and with no record; what writes logs has crashes of its own at any write",
	"queue-api/logs/archive.go a.Expire":                         "the same",
	"autoscaler/fleet/ec2/launch.go f.Terminate":                 "of this fleet, whose own call has a point",
}

// calls are what the source says: the points that it names, and the writes that are made outside of any.
type calls struct {
	points  map[string]bool
	outside []string
	excused map[string]bool
}

// The list is complete: each point is in it, and each write of a program is a point.
func TestPointsAreAll(t *testing.T) {
	t.Parallel()
	got := calls{points: map[string]bool{}, excused: map[string]bool{}}
	for _, program := range []string{"queue-api", "plugins", "autoscaler"} {
		got.read(t, program)
	}
	var want []string
	for _, points := range Points {
		for _, p := range points {
			want = append(want, string(p))
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got.points))); diff != "" {
		t.Errorf("points of the list and of the source (-list +source):\n%s", diff)
	}
	for _, call := range got.outside {
		t.Errorf("%s writes outside of any crash point", call)
	}
	for call := range exempt {
		if !got.excused[call] {
			t.Errorf("%s is exempt, but there is no such call", call)
		}
	}
	t.Logf("%d writes, %d points", len(want), 2*len(want))
}

// read looks at the files that make up programs.
func (c *calls) read(t *testing.T, folder string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(root, folder), func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && isForTests(entry.Name()):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		c.look(filepath.ToSlash(name), file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func isForTests(folder string) bool {
	return strings.HasSuffix(folder, "test") || strings.HasSuffix(folder, "fake") || folder == "testdata" || folder == "virtual"
}

// look walks through a file, and not into what a point is around.
func (c *calls) look(name string, file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		for _, arg := range call.Args {
			if text := literal(arg); pointForm.MatchString(text) {
				c.points[text] = true
			}
		}
		fn, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if fn.Sel.Name == "Around" {
			return false
		}
		if what := name + " " + expression(fn); isWrite(fn, call) {
			if _, ok := exempt[what]; ok {
				c.excused[what] = true
			} else {
				c.outside = append(c.outside, what)
			}
		}
		return true
	})
}

// isWrite: clients take a context first.
func isWrite(fn *ast.SelectorExpr, call *ast.CallExpr) bool {
	if len(call.Args) < 2 || !slices.Contains(writers, fn.Sel.Name) {
		return false
	}
	first, ok := call.Args[0].(*ast.Ident)
	return ok && strings.HasSuffix(strings.ToLower(first.Name), "ctx")
}

func literal(e ast.Expr) string {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	text, err := strconv.Unquote(lit.Value)
	if err != nil {
		return ""
	}
	return text
}

// expression writes out what is called, without the arguments of calls within it.
func expression(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return expression(e.X) + "." + e.Sel.Name
	case *ast.CallExpr:
		return expression(e.Fun) + "()"
	default:
		return "…"
	}
}
