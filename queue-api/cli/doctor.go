// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-batch/muster/queue-api/cli/manifest"
	"github.com/muster-batch/muster/queue-api/cli/output"
	"github.com/muster-batch/muster/queue-api/client"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

func newDoctor(f *frame) *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Args: cobra.NoArgs, Short: "Look at everything that a job needs, and say what is wrong and what to do",
		Long: `Look at everything that a job needs, from here to its nodes: whether the server is reached and its clock right, who you are and whether you may
submit, Redis, the leaders of the three programs, compute environments, queues, nodes and the log store. The exit code is 1 if something is
wrong; what is only to be noticed is no failure.`,
		Example: "  muster doctor\n  muster doctor -o json",
		RunE:    func(cmd *cobra.Command, _ []string) error { return f.doctor(cmd.Context()) },
	}
}

// finding is what was seen of one thing.
type finding struct {
	Check   string `json:"check"`
	Result  string `json:"result"` // as viewapi has them
	Message string `json:"message"`
	Do      string `json:"do,omitempty"` // what to do about it
}

// checkup collects findings.
type checkup struct {
	client   *client.Client
	now      func() time.Time
	findings []finding
}

// found notes what was seen; do counts if it is not ok.
func (k *checkup) found(check, result, message, do string) {
	if result == viewapi.ResultOK {
		do = ""
	}
	k.findings = append(k.findings, finding{check, result, message, do})
}

func (f *frame) doctor(ctx context.Context) error {
	k := &checkup{now: f.now, findings: []finding{}}
	var code int
	c, err := f.connect(ctx)
	if err != nil {
		k.found("credentials", viewapi.ResultFail, err.Error(), "muster auth login --help")
		code = codeOf(err)
	} else {
		k.client = c
		if code = k.reach(ctx); code == ExitOK {
			code = ExitFailed
			for _, look := range []func(context.Context){k.rights, k.places, k.nodes, k.logs} {
				look(ctx)
			}
		}
	}
	err = f.print(output.View{Object: k.findings, Names: k.failed(), Human: func(p *output.Printer) error { return printFindings(p, k.findings) }})
	if err == nil && len(k.failed()) > 0 {
		return &ExitError{Code: code}
	}
	return err
}

// failed names the checks that failed.
func (k *checkup) failed() []string {
	names := []string{}
	for _, f := range k.findings {
		if f.Result == viewapi.ResultFail {
			names = append(names, f.Check)
		}
	}
	return names
}

// resultStyles are those of results.
var resultStyles = map[string]output.Style{
	viewapi.ResultOK: output.Green, viewapi.ResultWarn: output.Yellow, viewapi.ResultFail: output.Red, viewapi.ResultUnknown: output.Faint,
}

func printFindings(p *output.Printer, findings []finding) error {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "%s  %s %s\n", p.Paint(resultStyles[f.Result], output.Pad(output.Clean(f.Result), 7)), output.Pad(output.Clean(f.Check), 17), output.Clean(f.Message))
		if f.Do != "" {
			b.WriteString(strings.Repeat(" ", 27) + p.Paint(output.Bold, "→ "+output.Clean(f.Do)) + "\n")
		}
	}
	_, err := p.Out.Write([]byte(b.String()))
	return err
}

// reach sees whether the server is reached, and who it takes us for. Without that nothing else can be seen: it gives the exit code then.
func (k *checkup) reach(ctx context.Context) int {
	begun := k.now()
	var who viewapi.WhoAmI
	err := k.client.Get(ctx, viewapi.PathWhoAmI, nil, &who)
	took := k.now().Sub(begun)
	switch {
	case errors.Is(err, client.ErrUnreachable):
		k.found("endpoint", viewapi.ResultFail, k.client.Endpoint()+": "+err.Error(), "is it the right one (--endpoint-url), and does queue-api run (kubectl -n muster-system get pods)?")
		return ExitUnreachable
	case client.IsDenied(err):
		k.found("endpoint", viewapi.ResultOK, k.client.Endpoint()+" answers", "")
		k.found("credentials", viewapi.ResultFail, err.Error(), "requests are made with "+k.client.Identity().String()+"; another one: muster auth login --help")
		return ExitDenied
	case err != nil:
		k.found("endpoint", viewapi.ResultFail, k.client.Endpoint()+": "+err.Error(), "is it queue-api, and as new as this program?")
		return codeOf(err)
	}
	k.found("endpoint", viewapi.ResultOK, fmt.Sprintf("%s answers in %s", k.client.Endpoint(), took.Round(time.Millisecond/10)), "")
	k.transport()
	if who.Anonymous {
		k.found("credentials", viewapi.ResultWarn, "this server asks nobody who they are", "for others than yourself: queue-api --auth=sigv4,token (docs/security.md)")
	} else {
		k.found("credentials", viewapi.ResultOK, fmt.Sprintf("%s, by %s", who.User, k.client.Identity()), "")
	}
	k.server(ctx)
	return ExitOK
}

// transport sees whether others can read what is sent.
func (k *checkup) transport() {
	u, err := url.Parse(k.client.Endpoint())
	if err != nil || u.Scheme == "https" || client.IsLoopback(k.client.Endpoint()) {
		return
	}
	k.found("transport", viewapi.ResultWarn, "http: whoever is in between reads and changes everything", "give queue-api a certificate (--tls-cert-file), or put something with one in front of it")
}

// Clocks may differ by skewFail before signatures are refused.
const (
	skewWarn = 30 * time.Second
	skewFail = 5 * time.Minute
)

// dos say what to do about what the server tells of itself.
var dos = map[string]string{
	"redis":            "docs/redis.md; kubectl -n muster-system logs deploy/queue-api",
	"queue-api":        "kubectl -n muster-system get lease queue-api -o yaml; nothing is dispatched without a leader",
	"batch-scheduler":  "kubectl -n muster-system get pods -l app.kubernetes.io/name=batch-scheduler; pods get no node without it",
	"batch-autoscaler": "kubectl -n muster-system get pods -l app.kubernetes.io/name=batch-autoscaler; managed environments get no nodes without it",
	"logs":             "docs/logs.md; without it logs are gone with their pods",
}

// server sees what the server tells of itself.
func (k *checkup) server(ctx context.Context) {
	begun := k.now()
	var s viewapi.Status
	err := k.client.Get(ctx, viewapi.PathStatus, nil, &s)
	if err != nil {
		k.found("server", viewapi.ResultUnknown, err.Error(), "")
		return
	}
	now := k.now()
	k.clock(time.UnixMilli(s.At).Sub(begun.Add(now.Sub(begun) / 2)))
	if mine := Version(); s.Version != "" && s.Version != mine {
		k.found("version", viewapi.ResultWarn, fmt.Sprintf("this program is %s, the server %s", mine, s.Version), "what one of them does not know the other cannot do")
	} else {
		k.found("version", viewapi.ResultOK, Version(), "")
	}
	for _, c := range s.Checks {
		result := c.Result
		if c.Name == "batch-autoscaler" && result == viewapi.ResultFail { // unmanaged environments need none
			result = viewapi.ResultWarn
		}
		k.found(c.Name, result, c.Message, dos[c.Name])
	}
}

func (k *checkup) clock(skew time.Duration) {
	result := viewapi.ResultOK
	switch {
	case skew.Abs() >= skewFail:
		result = viewapi.ResultFail
	case skew.Abs() >= skewWarn:
		result = viewapi.ResultWarn
	}
	k.found("clock", result, fmt.Sprintf("the server's is %s off", skew.Abs().Round(time.Millisecond)), "set this machine's clock, or the server's: signatures count for five minutes")
}

// rights sees whether the caller may submit.
func (k *checkup) rights(ctx context.Context) {
	queues, err := manifest.JobQueue.List(ctx, k.client)
	if err != nil {
		k.found("rights", resultOf(err), err.Error(), "")
		return
	}
	const most = 50 // questions are cheap, but not free
	asked, allowed, reason := 0, 0, ""
	for _, q := range queues[:min(len(queues), most)] {
		question, err := questionOf([]string{"SubmitJob", manifest.JobQueue.NameOf(q)})
		if err != nil {
			continue
		}
		var may viewapi.CanI
		if err := k.client.Post(ctx, viewapi.PathCanI, question, &may); err != nil {
			k.found("rights", resultOf(err), err.Error(), "")
			return
		}
		asked++
		if may.Allowed {
			allowed++
		} else {
			reason = may.Reason
		}
	}
	switch {
	case asked == 0:
		k.found("rights", viewapi.ResultWarn, "there is no job queue, or none that you may see", "muster apply -f (docs/apply.md); rights: docs/security.md")
	case allowed == 0:
		k.found("rights", viewapi.ResultWarn, "you may submit to none of "+plurals(asked, "job queue")+": "+reason, "bind the ClusterRole muster-submitter to yourself (docs/security.md)")
	default:
		k.found("rights", viewapi.ResultOK, fmt.Sprintf("you may submit to %d of %s", allowed, plurals(asked, "job queue")), "")
	}
}

// resultOf is that of a look that failed: what one may not see is not wrong.
func resultOf(err error) string {
	if client.IsDenied(err) || client.IsUnknownOperation(err) {
		return viewapi.ResultUnknown
	}
	return viewapi.ResultFail
}

func plurals(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// places sees whether environments and queues are of use.
func (k *checkup) places(ctx context.Context) {
	for _, kind := range []*manifest.Kind{manifest.ComputeEnvironment, manifest.JobQueue} {
		things, err := kind.List(ctx, k.client)
		if err != nil {
			k.found(kind.Short, resultOf(err), err.Error(), "")
			continue
		}
		good := 0
		for _, thing := range things {
			if k.place(kind, thing) {
				good++
			}
		}
		switch {
		case len(things) == 0:
			k.found(kind.Short, viewapi.ResultWarn, "there is none, or none that you may see", "muster apply -f (docs/apply.md)")
		case good > 0:
			k.found(kind.Short, viewapi.ResultOK, fmt.Sprintf("%d of %d are VALID and ENABLED", good, len(things)), "")
		}
	}
}

// place notes what is wrong with an environment or queue, and tells whether it is of use.
func (k *checkup) place(kind *manifest.Kind, thing map[string]any) bool {
	id := kind.Short + "/" + kind.NameOf(thing)
	status, state, reason := at(thing, "status"), at(thing, "state"), at(thing, "statusReason")
	switch {
	case status == "INVALID":
		k.found(kind.Short, viewapi.ResultFail, id+" is INVALID: "+reason, "muster decisions; mend it with muster apply")
	case status != "VALID":
		k.found(kind.Short, viewapi.ResultWarn, id+" is "+status+": "+reason, "wait; if it stays so, see whether queue-api has a leader")
	case state != "ENABLED":
		k.found(kind.Short, viewapi.ResultWarn, id+" is "+state, "muster "+verbOf(kind)+" enable "+kind.NameOf(thing))
	case kind == manifest.JobQueue && stateOf(thing) == "PAUSED":
		k.found(kind.Short, viewapi.ResultWarn, id+" is paused", "muster queue resume "+kind.NameOf(thing))
	default:
		return true
	}
	return false
}

func verbOf(k *manifest.Kind) string {
	if k == manifest.JobQueue {
		return "queue"
	}
	return "ce"
}

// nodes sees whether clusters answer and nodes are ready.
func (k *checkup) nodes(ctx context.Context) {
	nodes, err := nodesOf(ctx, k.client, "")
	if err != nil {
		k.found("nodes", resultOf(err), err.Error(), "")
		return
	}
	bad := false
	for _, c := range nodes.Clusters {
		if c.Error != "" {
			bad = true
			k.found("nodes", viewapi.ResultFail, "cluster "+c.Name+": "+c.Error, "docs/clusters.md; its environments become INVALID")
		}
	}
	ready := 0
	for i := range nodes.Nodes {
		if nodes.Nodes[i].Ready {
			ready++
		}
	}
	switch {
	case len(nodes.Nodes) == 0 && !bad:
		k.found("nodes", viewapi.ResultOK, "none: managed environments get them when jobs wait", "")
	case ready < len(nodes.Nodes):
		k.found("nodes", viewapi.ResultWarn, fmt.Sprintf("%d of %d are ready", ready, len(nodes.Nodes)), "muster nodes; kubectl describe node NAME")
	case !bad:
		k.found("nodes", viewapi.ResultOK, fmt.Sprintf("%d, all ready", ready), "")
	}
}

// logs sees whether the log store answers.
func (k *checkup) logs(ctx context.Context) {
	var out struct{}
	err := k.client.Call(ctx, "DescribeLogStreams", map[string]any{"logGroupName": "/aws/batch/job", "limit": 1}, &out)
	switch {
	case err == nil:
		k.found("log store", viewapi.ResultOK, "answers", "")
	case client.IsUnknownOperation(err):
		k.found("log store", viewapi.ResultWarn, "there is none", dos["logs"])
	case client.IsDenied(err) || client.IsRefused(err):
		k.found("log store", viewapi.ResultUnknown, err.Error(), "")
	default:
		k.found("log store", viewapi.ResultFail, err.Error(), "docs/logs.md; kubectl -n muster-system logs deploy/queue-api")
	}
}
