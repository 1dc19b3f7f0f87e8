// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/muster-batch/muster/queue-api/cli/output"
	"github.com/muster-batch/muster/queue-api/client"
)

// globals are the flags that every command has.
type globals struct {
	endpoint, region       string
	profile, token         string
	anonymous              bool
	authorityFile          string
	insecure, plaintext    bool
	kubeconfig, context    string
	namespace, serviceName string
	format                 string
	noHeaders              bool
}

func (g *globals) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&g.endpoint, "endpoint-url", "", "Address of the Batch API. Default from MUSTER_ENDPOINT_URL, AWS_ENDPOINT_URL_BATCH, AWS_ENDPOINT_URL, endpoint_url of the AWS profile, else "+client.DefaultEndpoint+".")
	fs.StringVar(&g.region, "region", "", "Region that requests are signed for. Default AWS's own, else us-east-1.")
	fs.StringVar(&g.profile, "profile", "", "Profile of AWS's configuration files to take credentials from.")
	fs.StringVar(&g.token, "token", "", "Kubernetes or OIDC token to be known by. Others see a command line: MUSTER_TOKEN keeps it off it.")
	fs.BoolVar(&g.anonymous, "no-sign-request", false, "Do not say who is calling, to a server that asks nobody.")
	fs.StringVar(&g.authorityFile, "certificate-authority", "", "File of the certificates that the server's is signed by. Default from MUSTER_CA_FILE or AWS_CA_BUNDLE, else this machine's.")
	fs.BoolVar(&g.insecure, "insecure-skip-tls-verify", false, "Take any certificate for the server's. Whoever is in between can read and change everything.")
	fs.BoolVar(&g.plaintext, "allow-plaintext-token", false, "Send tokens over http to other machines too, where whoever reads the traffic has them.")
	fs.StringVar(&g.kubeconfig, "kubeconfig", "", "Take the token of this kubeconfig's user. Default as kubectl's.")
	fs.StringVar(&g.context, "context", "", "Take the token of this context's user.")
	fs.StringVarP(&g.namespace, "namespace", "n", "", "Namespace of --service-account. Default that of the context.")
	fs.StringVar(&g.serviceName, "service-account", "", "Be this service account, by a token for the audience muster.sh that the API server of the kubeconfig is asked for.")
	fs.StringVarP(&g.format, "output", "o", "", "How to print: table, wide, json, yaml, name, jsonpath=…, go-template=…, or the latter two from a file: jsonpath-file=…, go-template-file=….")
	fs.BoolVar(&g.noHeaders, "no-headers", false, "Leave out the first line of tables.")
}

// complete completes the values of flags.
func (*globals) completeFormats(root *cobra.Command) {
	_ = root.RegisterFlagCompletionFunc("output", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) { // only fails for no such flag
		return output.Kinds, cobra.ShellCompDirectiveNoSpace
	})
}

// sources are where the client looks for what no flag says.
func (f *frame) sources() client.Sources {
	isNamed := f.kubeconfig != "" || f.context != "" || f.serviceName != ""
	s := client.Sources{
		Endpoint: f.endpoint, Region: f.region, Anonymous: f.anonymous, Token: f.token, Profile: f.profile,
		IsKubeNamed: isNamed, Getenv: f.Getenv, Saved: f.savedToken,
	}
	if isNamed || f.IsPlugin {
		s.Kube = &client.Kube{File: f.kubeconfig, Context: f.context, ServiceAccount: f.serviceName, Namespace: f.namespace}
	}
	return s
}
