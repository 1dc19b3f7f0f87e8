// SPDX-License-Identifier: Apache-2.0

package ec2fake

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/mail"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// Kubelet is what user data makes of a machine: the cluster that it joins, and what its node registers with.
type Kubelet struct {
	Cluster              string
	Endpoint             string // URL of the API server
	CertificateAuthority string // base64 of PEM
	Labels               map[string]string
	Taints               []corev1.Taint
}

// KubeletOf reads user data as the images of EKS do: nodeadm the NodeConfigs of a MIME archive, Amazon Linux 2 a script that
// calls bootstrap.sh, Bottlerocket its settings.
func KubeletOf(userData string) (*Kubelet, error) {
	k := &Kubelet{Labels: map[string]string{}}
	read := k.readSettings
	if strings.HasPrefix(userData, "MIME-Version:") {
		read = k.readArchive
	}
	if err := read(userData); err != nil {
		return nil, err
	}
	if k.Cluster == "" || k.Endpoint == "" || k.CertificateAuthority == "" {
		return nil, errors.New("it does not say which cluster to join")
	}
	return k, nil
}

func (k *Kubelet) readArchive(archive string) error {
	message, err := mail.ReadMessage(strings.NewReader(archive))
	if err != nil {
		return err
	}
	_, params, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	for r := multipart.NewReader(message.Body, params["boundary"]); ; {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		content, err := io.ReadAll(p)
		if err != nil {
			return err
		}
		switch kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type")); kind {
		case "application/node.eks.aws":
			err = k.readNodeConfig(content)
		case "text/x-shellscript":
			err = k.readScript(string(content))
		}
		if err != nil {
			return err
		}
	}
}

// nodeConfig is what nodeadm reads.
type nodeConfig struct {
	APIVersion string
	Kind       string
	Spec       struct {
		Cluster struct {
			Name, APIServerEndpoint, CertificateAuthority, CIDR string
		}
		Kubelet struct {
			Config struct {
				RegisterWithTaints []corev1.Taint
			}
			Flags []string
		}
	}
}

func (k *Kubelet) readNodeConfig(doc []byte) error {
	var c nodeConfig
	if err := yaml.Unmarshal(doc, &c); err != nil {
		return err
	}
	if c.APIVersion != "node.eks.aws/v1alpha1" || c.Kind != "NodeConfig" {
		return fmt.Errorf("nodeadm takes no %s of %s", c.Kind, c.APIVersion)
	}
	cluster := &c.Spec.Cluster
	if cluster.CIDR == "" {
		return errors.New("nodeadm wants the cluster's cidr") // it finds out nothing that is not said
	}
	k.Cluster, k.Endpoint, k.CertificateAuthority = cluster.Name, cluster.APIServerEndpoint, cluster.CertificateAuthority
	k.Taints = c.Spec.Kubelet.Config.RegisterWithTaints
	return k.readFlags(c.Spec.Kubelet.Flags)
}

// readScript reads the call of bootstrap.sh; scripts without one are the user's own.
func (k *Kubelet) readScript(script string) error {
	for line := range strings.Lines(script) {
		words := words(line)
		if len(words) < 2 || words[0] != "/etc/eks/bootstrap.sh" {
			continue
		}
		k.Cluster = words[1]
		options := map[string]string{}
		for pair := range slices.Chunk(words[2:], 2) {
			options[pair[0]] = pair[len(pair)-1]
		}
		k.Endpoint, k.CertificateAuthority = options["--apiserver-endpoint"], options["--b64-cluster-ca"]
		return k.readFlags(strings.Fields(options["--kubelet-extra-args"]))
	}
	return nil
}

// readFlags reads flags of the kubelet.
func (k *Kubelet) readFlags(flags []string) error {
	for _, flag := range flags {
		name, list, _ := strings.Cut(flag, "=")
		for entry := range strings.SplitSeq(list, ",") {
			switch key, value, _ := strings.Cut(entry, "="); {
			case entry == "":
			case name == "--node-labels":
				k.Labels[key] = value
			case name == "--register-with-taints":
				k.addTaint(key, value)
			default:
				return fmt.Errorf("the kubelet's flag %s is not faked", name)
			}
		}
	}
	return nil
}

// addTaint takes a taint of the form value:effect.
func (k *Kubelet) addTaint(key, value string) {
	value, effect, _ := strings.Cut(value, ":")
	k.Taints = append(k.Taints, corev1.Taint{Key: key, Value: value, Effect: corev1.TaintEffect(effect)})
}

// readSettings reads TOML as far as settings need it: tables of strings and of lists of strings.
func (k *Kubelet) readSettings(toml string) error {
	table, tables := "", map[string]map[string]json.RawMessage{}
	for line := range strings.Lines(toml) {
		line = strings.TrimSpace(line)
		key, value, isPair := strings.Cut(line, " = ")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "["):
			table = strings.Trim(line, "[]")
			if tables[table] != nil {
				return fmt.Errorf("table %s is there twice", table)
			}
			tables[table] = map[string]json.RawMessage{}
		case !isPair || tables[table] == nil:
			return fmt.Errorf("line %q is no setting", line)
		default:
			tables[table][strings.Trim(key, `"`)] = json.RawMessage(value)
		}
	}
	return k.settle(tables)
}

// settle takes what settings say of Kubernetes.
func (k *Kubelet) settle(tables map[string]map[string]json.RawMessage) error {
	var errs []error
	text := func(table, key string) (s string) {
		errs = append(errs, json.Unmarshal(tables[table][key], &s))
		return s
	}
	const kubernetes = "settings.kubernetes"
	k.Cluster, k.Endpoint = text(kubernetes, "cluster-name"), text(kubernetes, "api-server")
	k.CertificateAuthority = text(kubernetes, "cluster-certificate")
	for key := range tables[kubernetes+".node-labels"] {
		k.Labels[key] = text(kubernetes+".node-labels", key)
	}
	taints := tables[kubernetes+".node-taints"]
	for _, key := range slices.Sorted(maps.Keys(taints)) {
		var values []string
		errs = append(errs, json.Unmarshal(taints[key], &values))
		for _, value := range values {
			k.addTaint(key, value)
		}
	}
	return errors.Join(errs...)
}

// words splits a line as a shell does one of plain and single-quoted words.
func words(line string) []string {
	var out []string
	var word strings.Builder
	quoted, began := false, false
	flush := func() {
		if began {
			out = append(out, word.String())
		}
		word.Reset()
		began = false
	}
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\'':
			quoted, began = !quoted, true
		case quoted:
			word.WriteByte(c)
		case c == '\\' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
			began = true
		case c == ' ' || c == '\n':
			flush()
		default:
			word.WriteByte(c)
			began = true
		}
	}
	flush()
	return out
}
