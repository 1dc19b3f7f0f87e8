// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"strings"
	"text/template"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// report is what the demo ends with.
var report = template.Must(template.New("report").Parse(`
{{if .Simulated -}}
The job SUCCEEDED on a simulated node: no container ran, so it has no log.
{{- else -}}
The job SUCCEEDED. It printed:

    {{.Log}}
{{- end}}

Timeline:
{{range .Times}}
    {{.}}{{end}}

The first job took {{.Total}} from the start. Then came, on the same environment:
{{range .Encores}}
    {{.}}{{end}}
{{with .Bill}}
The nodes were instances of a fake EC2, which batch-autoscaler met through AWS's SDK. All of them are gone again:
{{range .}}
    {{.}}{{end}}
{{end}}
It took {{.Whole}} altogether. Everything is left running. To go on:

    export AWS_ACCESS_KEY_ID={{index .Env "AWS_ACCESS_KEY_ID"}} AWS_SECRET_ACCESS_KEY={{index .Env "AWS_SECRET_ACCESS_KEY"}} AWS_DEFAULT_REGION={{index .Env "AWS_DEFAULT_REGION"}}
    export KUBECONFIG={{index .Env "KUBECONFIG"}}
    aws batch --endpoint-url {{.Endpoint}} submit-job --job-name again --job-queue {{.Name}} --job-definition {{.Name}}
    aws batch --endpoint-url {{.Endpoint}} list-jobs --job-queue {{.Name}} --job-status SUCCEEDED
    aws batch --endpoint-url {{.Endpoint}} describe-jobs --jobs {{.Job}}
    aws batch --endpoint-url {{.Endpoint}} describe-compute-environments
    {{index .Env "MUSTER_KUBECTL"}} get nodes,pods --all-namespaces

{{with index .Env "MUSTER_REGISTRY" -}}
Images come from a local registry, which has busybox and takes others at {{.}}, whichever host their names begin with.
{{end -}}
{{with index .Env "MUSTER_EC2_ENDPOINT" -}}
EC2: {{.}}; its state is at {{.}}/fake/state, and POST {{.}}/fake/reclaim takes an instance away.
{{else -}}
Every instance type has this machine's own shape.
{{end -}}
Health and metrics: {{index .Env "MUSTER_QUEUE_API_HEALTH"}}, {{index .Env "MUSTER_SCHEDULER_HEALTH"}}, {{index .Env "MUSTER_AUTOSCALER_HEALTH"}}
Logs: {{index .Env "MUSTER_DIR"}}/logs
To end it: make demo-down
`))

// print writes the report.
func (s *story) print(out io.Writer, env environment) error {
	return report.Execute(out, map[string]any{
		"Simulated": env.simulated(),
		"Log":       strings.ReplaceAll(strings.TrimSpace(s.log), "\n", "\n    "),
		"Times":     s.timeline(),
		"Total":     fmt.Sprintf("%.1f s", s.total.Seconds()),
		"Encores":   s.encoreLines(),
		"Bill":      s.bill,
		"Whole":     fmt.Sprintf("%.1f s", s.whole.Seconds()),
		"Env":       env,
		"Endpoint":  env["MUSTER_ENDPOINT"],
		"Name":      name,
		"Job":       aws.ToString(s.job.JobId),
	})
}

// timeline is a line per moment, counted from the first.
func (s *story) timeline() []string {
	var lines []string
	start := s.times[0].at
	for _, moment := range s.times {
		after := fmt.Sprintf("%6.2fs", moment.at.Sub(start).Seconds())
		if moment.at.Before(start) {
			after = "earlier" // An earlier job's node was still there.
		}
		lines = append(lines, strings.TrimRight(fmt.Sprintf("%-14s %7s  %s", moment.what, after, moment.remark), " "))
	}
	return lines
}

// encoreLines is a line per job that followed.
func (s *story) encoreLines() []string {
	var lines []string
	for _, e := range s.encores {
		lines = append(lines, fmt.Sprintf("%-14s %6.2fs  %s", e.what, e.took.Seconds(), e.remark))
	}
	return lines
}
