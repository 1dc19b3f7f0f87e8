// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
)

// TestSignatureIsForTheService: what was signed for one API is no good at the other, and the header that names the operation
// is part of what is signed.
func TestSignatureIsForTheService(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(path, []byte("- {accessKeyId: AKIDANN, secretAccessKey: annannannannannann, user: ann}"), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := OpenAccessKeys(path, clock.RealClock{})
	if err != nil {
		t.Fatal(err)
	}
	a := &Authenticator{Keys: keys, Clock: clock.RealClock{}}
	const target = "Logs_20140328.GetLogEvents"
	cases := map[string]struct {
		service, signed, sent string // the service, and the target as signed and as sent
		wantCode              string
	}{
		"the Batch API":                   {service: "batch"},
		"the Logs API":                    {service: "logs", signed: target, sent: target},
		"for batch, sent to logs":         {service: "batch", signed: target, sent: target, wantCode: batch.CodeInvalidSignature},
		"for logs, sent to batch":         {service: "logs", wantCode: batch.CodeInvalidSignature},
		"another operation than signed":   {service: "logs", signed: target, sent: "Logs_20140328.FilterLogEvents", wantCode: batch.CodeInvalidSignature},
		"an operation that is not signed": {service: "logs", sent: target, wantCode: batch.CodeIncompleteSignature},
		"no operation although signed":    {service: "logs", signed: target, wantCode: batch.CodeInvalidSignature},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const body = "{}"
			r := httptest.NewRequestWithContext(t.Context(), "POST", "http://example.com/", strings.NewReader(body))
			r.RequestURI = "/"
			r.Header.Set("Content-Length", "2")
			if tc.signed != "" {
				r.Header.Set("X-Amz-Target", tc.signed)
			}
			sum := sha256.Sum256([]byte(body))
			credentials := aws.Credentials{AccessKeyID: "AKIDANN", SecretAccessKey: "annannannannannann"}
			if err := v4.NewSigner().SignHTTP(t.Context(), credentials, r, hex.EncodeToString(sum[:]), tc.service, "eu-west-1", time.Now()); err != nil {
				t.Fatal(err)
			}
			r.Header.Del("X-Amz-Target")
			if tc.sent != "" {
				r.Header.Set("X-Amz-Target", tc.sent)
			}
			user, err := a.Authenticate(r, func() ([]byte, error) { return []byte(body), nil })
			if codeOf(err) != tc.wantCode || err == nil && user.Name != "ann" {
				t.Errorf("user %q, error %v, want %q", user.Name, err, tc.wantCode)
			}
		})
	}
}
