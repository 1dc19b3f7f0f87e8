// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/client"
)

// TestEveryOperationHasASubject: what can-i asks is about the thing that was named.
func TestEveryOperationHasASubject(t *testing.T) {
	t.Parallel()
	unsupported := []string{"Service", "Quota"}
	for _, op := range awsapi.Operations {
		if strings.Contains(op.Name, unsupported[0]) || strings.Contains(op.Name, unsupported[1]) {
			continue
		}
		if _, ok := subjects[op.Name]; !ok {
			t.Errorf("%s has none", op.Name)
		}
		q, err := questionOf([]string{strings.ToUpper(op.Name), "x"})
		if subjects[op.Name] == "" {
			if err == nil {
				t.Errorf("%s is about x", op.Name)
			}
			continue
		}
		if err != nil || q.Operation != op.Name || !strings.Contains(string(q.Request)+q.ResourceARN, "x") {
			t.Errorf("%s: %+v, %v", op.Name, q, err)
		}
	}
}

// TestSavedTokens: a login's token is used at its endpoint alone, and one that cannot be renewed as long as the server takes it. The
// test sets where settings are, so it is not parallel.
func TestSavedTokens(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	t.Setenv("HOME", dir)
	f := &frame{}
	over := time.Now().Add(-time.Hour)
	for endpoint, l := range map[string]client.Login{
		"https://a": {Token: "a"}, "https://old": {Token: "old", Expiry: over},
		"https://gone": {Token: "t", Refresh: "r", Issuer: "http://127.0.0.1:1", ClientID: "c", Expiry: over},
	} {
		if err := (client.Logins{}).Save(endpoint, l); err != nil {
			t.Fatal(err)
		}
	}
	for endpoint, want := range map[string]string{"https://a": "a", "https://a/": "a", "https://b": "", "http://a": "", "https://old": "old"} {
		if got, err := f.savedToken(t.Context(), endpoint); got != want || err != nil {
			t.Errorf("%s: %q, %v", endpoint, got, err)
		}
	}
	if got, err := f.savedToken(t.Context(), "https://gone"); got != "" || err == nil || !strings.Contains(err.Error(), "renew the login at https://gone") {
		t.Errorf("got %q, %v", got, err)
	}
	info, err := os.Stat(filepath.Join(dir, "muster", "logins.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file of logins has the mode %v, %v", info.Mode(), err)
	}
}
