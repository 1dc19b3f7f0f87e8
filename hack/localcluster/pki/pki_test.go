// SPDX-License-Identifier: Apache-2.0

package pki_test

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/hack/localcluster/pki"
)

func leaf(t *testing.T, pair pki.Pair) *x509.Certificate {
	t.Helper()
	loaded, err := tls.LoadX509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	return loaded.Leaf
}

func verify(t *testing.T, a *pki.Authority, cert *x509.Certificate, host string, usage x509.ExtKeyUsage) {
	t.Helper()
	content, err := os.ReadFile(a.CACert())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(content)
	if _, err := cert.Verify(x509.VerifyOptions{DNSName: host, Roots: roots, KeyUsages: []x509.ExtKeyUsage{usage}}); err != nil {
		t.Errorf("verify certificate: %v", err)
	}
}

func TestClientIsAUserInGroups(t *testing.T) {
	t.Parallel()
	a, err := pki.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := a.Client("node", "system:node:i-1", "system:nodes")
	if err != nil {
		t.Fatal(err)
	}
	cert := leaf(t, pair)
	verify(t, a, cert, "", x509.ExtKeyUsageClientAuth)
	if diff := cmp.Diff([]string{"system:node:i-1", "system:nodes"}, append([]string{cert.Subject.CommonName}, cert.Subject.Organization...)); diff != "" {
		t.Errorf("subject mismatch (-want +got):\n%s", diff)
	}
}

func TestServerAnswersToItsNamesAndAddresses(t *testing.T) {
	t.Parallel()
	a, err := pki.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := a.Server("server", "localhost", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"localhost", "127.0.0.1"} {
		verify(t, a, leaf(t, pair), host, x509.ExtKeyUsageServerAuth)
	}
}

func TestAnAuthorityOpenedAgainIsTheSame(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := pki.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	before, err := first.Client("admin", "admin", "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	second, err := pki.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	after, err := second.Client("admin", "admin", "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	if leaf(t, before).SerialNumber.Cmp(leaf(t, after).SerialNumber) != 0 {
		t.Error("the certificate was made anew")
	}
	verify(t, second, leaf(t, before), "", x509.ExtKeyUsageClientAuth)
}
