// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
)

// WriteKubeconfig writes a kubeconfig that authenticates with client. Certificates are in it, not beside it: it can be
// copied to wherever it is needed. JSON is YAML.
func WriteKubeconfig(file, server, caCert string, client Pair) error {
	var data [3]string
	for i, source := range []string{caCert, client.Cert, client.Key} {
		content, err := os.ReadFile(source)
		if err != nil {
			return fmt.Errorf("write kubeconfig: %w", err)
		}
		data[i] = base64.StdEncoding.EncodeToString(content)
	}
	type object = map[string]any
	content, err := json.MarshalIndent(object{
		"apiVersion":      "v1",
		"kind":            "Config",
		"current-context": "muster",
		"clusters":        []object{{"name": "muster", "cluster": object{"server": server, "certificate-authority-data": data[0]}}},
		"users":           []object{{"name": "muster", "user": object{"client-certificate-data": data[1], "client-key-data": data[2]}}},
		"contexts":        []object{{"name": "muster", "context": object{"cluster": "muster", "user": "muster"}}},
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	if err := os.WriteFile(file+".new", content, 0o600); err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	return os.Rename(file+".new", file)
}
