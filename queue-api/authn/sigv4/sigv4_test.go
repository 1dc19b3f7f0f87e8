// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/muster-batch/muster/queue-api/batch"
)

const (
	testKey    = "AKIDEXAMPLE"
	testSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

var testTime = time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)

// received is the request as a server reads it off the wire.
func received(tb testing.TB, wire string) (r *http.Request, body []byte) {
	tb.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(wire)))
	if err != nil {
		tb.Fatal(err)
	}
	body, err = io.ReadAll(r.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return r, body
}

// TestPublishedVectors are of AWS's Signature Version 4 test suite: service "service", region us-east-1, all at one time.
func TestPublishedVectors(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		target    string
		method    string
		headers   string // before X-Amz-Date
		after     string // after X-Amz-Date
		signed    string
		body      string
		signature string
	}{
		"get-vanilla": {
			signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
		},
		"get-vanilla-query-order-key-case": {
			target:    "/?Param2=value2&Param1=value1",
			signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
		},
		"get-vanilla-empty-query-key": {
			target:    "/?Param1=value1",
			signature: "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
		},
		"get-header-value-trim": {
			headers: "My-Header1: value1\r\nMy-Header2: \"a   b   c\"\r\n", signed: "host;my-header1;my-header2;x-amz-date",
			signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
		},
		"post-vanilla": {
			method: "POST", signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
		},
		"post-x-www-form-urlencoded": {
			method: "POST", headers: "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 13\r\n", body: "Param1=value1",
			signed:    "content-type;host;x-amz-date",
			signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
		},
		"get-slash-dot-slash normalizes": {
			target: "/./", signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
		},
		"get-slashes normalizes": {
			target: "//", signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
		},
		"get-relative-relative normalizes": {
			target: "/example1/example2/../..", signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target, method, signed := tc.target, tc.method, tc.signed
			if target == "" {
				target = "/"
			}
			if method == "" {
				method = "GET"
			}
			if signed == "" {
				signed = "host;x-amz-date"
			}
			r, body := received(t, method+" "+target+" HTTP/1.1\r\nHost: example.amazonaws.com\r\n"+tc.headers+
				"X-Amz-Date: 20150830T123600Z\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "+
				"SignedHeaders="+signed+", Signature="+tc.signature+"\r\n\r\n"+tc.body)
			s, err := Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			if !s.Verify(r, body, testSecret) {
				canonical, _ := s.canonicalRequest(r, body, byEncoded)
				t.Errorf("signature refused of\n%s", canonical)
			}
			if s.Verify(r, body, testSecret+"x") || s.Verify(r, append(body, ' '), testSecret) {
				t.Error("another secret or body is accepted")
			}
		})
	}
}

// sdkRequest is a request signed by the AWS SDK, as a server reads it.
func sdkRequest(tb testing.TB, method, url, body, token string, header http.Header) (r *http.Request, wire string) {
	tb.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	maps.Copy(r.Header, header)
	sum := sha256.Sum256([]byte(body))
	hash := hex.EncodeToString(sum[:])
	if given := header.Get(headerContent); given != "" {
		hash = given
	}
	credentials := aws.Credentials{AccessKeyID: testKey, SecretAccessKey: testSecret, SessionToken: token}
	if err := v4.NewSigner().SignHTTP(context.Background(), credentials, r, hash, "batch", "eu-central-1", testTime); err != nil {
		tb.Fatal(err)
	}
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		tb.Fatal(err)
	}
	r, _ = received(tb, b.String())
	return r, b.String()
}

func TestSDKSignaturesVerify(t *testing.T) {
	t.Parallel()
	const arn = "arn%3Aaws%3Abatch%3Aus-east-1%3A123456789012%3Ajob-queue%2Fq"
	cases := map[string]struct {
		method, url, body, token string
		header                   http.Header
	}{
		"a body":                {method: "POST", url: "http://batch.local:8080/v1/submitjob", body: `{"jobName":"j"}`},
		"no body":               {method: "POST", url: "http://batch.local/v1/listjobs"},
		"a session token":       {method: "POST", url: "http://[::1]:8080/v1/listjobs", body: "{}", token: "eyJ.a/b+c=="},
		"an escaped path":       {method: "GET", url: "http://batch.local/v1/tags/" + arn},
		"a query to be sorted":  {method: "DELETE", url: "http://batch.local/v1/tags/" + arn + "?tagKeys=b&tagKeys=a%20c&tagKeys=%C3%A4&tagKeys="},
		"doubled spaces":        {method: "POST", url: "http://h/v1/listjobs", header: http.Header{"X-Filler": {"a   b"}}},
		"several values":        {method: "POST", url: "http://h/v1/listjobs", header: http.Header{"X-Filler": {"a", " b "}}},
		"an unsigned payload":   {method: "POST", url: "http://h/v1/listjobs", body: "{}", header: http.Header{headerContent: {unsignedPayload}}},
		"an invocation's id":    {method: "POST", url: "http://h/v1/listjobs", header: http.Header{"Amz-Sdk-Invocation-Id": {"1"}}},
		"a path with a tilde ~": {method: "POST", url: "http://h/v1/x~y%7Ez"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, wire := sdkRequest(t, tc.method, tc.url, tc.body, tc.token, tc.header)
			s, err := Parse(r)
			if err != nil {
				t.Fatalf("%v\n%s", err, wire)
			}
			if s.AccessKeyID != testKey || s.Region != "eu-central-1" || s.Service != "batch" || s.Token != tc.token || !s.Time.Equal(testTime) {
				t.Errorf("claim = %+v", s)
			}
			if !s.Verify(r, []byte(tc.body), testSecret) {
				canonical, _ := s.canonicalRequest(r, []byte(tc.body), byEncoded)
				t.Errorf("refused:\n%s\n\n%s", wire, canonical)
			}
			other := s.Verify(r, []byte(tc.body+" "), testSecret)
			if other != (tc.header.Get(headerContent) == unsignedPayload) {
				t.Errorf("another body: %v", other)
			}
		})
	}
}

// TestMutationsAreRefused changes one byte of a signed request, 10,000 times. What is still accepted must mean the same:
// a header that is not signed, or the case of a hexadecimal digit or a header's name.
func TestMutationsAreRefused(t *testing.T) {
	t.Parallel()
	const body = `{"jobName":"j","jobQueue":"q","jobDefinition":"d"}`
	r, wire := sdkRequest(t, "POST", "http://batch.local/v1/tags/arn%3Aaws%2Fq?tagKeys=b&tagKeys=a", body, "token",
		http.Header{"Amz-Sdk-Invocation-Id": {"id"}})
	original, err := Parse(r)
	if err != nil || !original.Verify(r, []byte(body), testSecret) {
		t.Fatalf("the original is refused: %v", err)
	}
	canonical, _ := original.canonicalRequest(r, []byte(body), byEncoded)
	random := rand.New(rand.NewPCG(1, 2))
	refused := 0
	for tried := 0; refused < 10_000; tried++ {
		if tried > 100_000 {
			t.Fatalf("only %d of %d refused", refused, tried)
		}
		mutant := []byte(wire)
		i := random.IntN(len(mutant))
		mutant[i] ^= byte(1 + random.IntN(127))
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(mutant)))
		if err != nil {
			refused++
			continue
		}
		got, _ := io.ReadAll(r.Body)
		s, err := Parse(r)
		// Another access key id has another secret, or none.
		if err != nil || s.AccessKeyID != testKey || s.Check("batch", testTime, 5*time.Minute) != nil || !s.Verify(r, got, testSecret) {
			refused++
			continue
		}
		if again, ok := s.canonicalRequest(r, got, byEncoded); !ok || again != canonical || s.Time != original.Time {
			t.Fatalf("accepted, yet of another request:\n%s", mutant)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const credential = "Credential=AKID/20150830/us-east-1/batch/aws4_request"
	signature := "Signature=" + strings.Repeat("0", 64)
	cases := map[string]struct {
		authorization string
		header        http.Header
		want          string
	}{
		"no signature":            {credential + ", SignedHeaders=host;x-amz-date", nil, "'Signature'"},
		"no credential":           {"SignedHeaders=host;x-amz-date, " + signature, nil, "'Credential'"},
		"no list of headers":      {credential + ", " + signature, nil, "'SignedHeaders'"},
		"a field twice":           {credential + "," + credential + ",SignedHeaders=host," + signature, nil, "more than one"},
		"a field of no meaning":   {credential + ",SignedHeaders=host," + signature + ",x=y", nil, "do not belong"},
		"half a signature":        {credential + ",SignedHeaders=host;x-amz-date,Signature=00", nil, "64 hexadecimal"},
		"a scope too short":       {"Credential=AKID/us-east-1/batch/aws4_request,SignedHeaders=host," + signature, nil, "form"},
		"another terminator":      {"Credential=AKID/20150830/us-east-1/batch/aws5,SignedHeaders=host," + signature, nil, "form"},
		"a region of no ARN":      {"Credential=AKID/20150830/US:1/batch/aws4_request,SignedHeaders=host," + signature, nil, "region"},
		"the host unsigned":       {credential + ",SignedHeaders=x-amz-date," + signature, nil, "'Host' must be"},
		"the date unsigned":       {credential + ",SignedHeaders=host," + signature, nil, "'X-Amz-Date' must be"},
		"headers unsorted":        {credential + ",SignedHeaders=x-amz-date;host," + signature, nil, "sorted"},
		"a header twice":          {credential + ",SignedHeaders=host;host;x-amz-date," + signature, nil, "once"},
		"the token unsigned":      {credential + ",SignedHeaders=host;x-amz-date," + signature, http.Header{headerToken: {"t"}}, headerToken},
		"two tokens":              {credential + ",SignedHeaders=host;x-amz-date;x-amz-security-token," + signature, http.Header{headerToken: {"t", "u"}}, headerToken},
		"unsigned payload, alone": {credential + ",SignedHeaders=host;x-amz-date," + signature, http.Header{headerContent: {unsignedPayload}}, headerContent},
		"no date":                 {credential + ",SignedHeaders=host," + signature, http.Header{headerDate: nil}, "requires existence"},
		"a date of no form":       {credential + ",SignedHeaders=host;x-amz-date," + signature, http.Header{headerDate: {"today"}}, "ISO-8601"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/listjobs", http.NoBody)
			r.Header.Set(headerDate, testTime.Format(TimeFormat))
			maps.Copy(r.Header, tc.header)
			r.Header.Set(headerAuthorization, "AWS4-HMAC-SHA256 "+tc.authorization)
			_, err := Parse(r)
			var known *batch.Error
			if !errors.As(err, &known) || known.Code != batch.CodeIncompleteSignature || !strings.Contains(known.Message, tc.want) {
				t.Errorf("Parse() = %v, want one of %q", err, tc.want)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	const skew = 5 * time.Minute
	good := Signature{Service: "batch", day: "20150830", Time: testTime}
	cases := map[string]struct {
		change func(*Signature)
		now    time.Time
		want   string
	}{
		"on time":                 {now: testTime},
		"five minutes late":       {now: testTime.Add(skew)},
		"five minutes early":      {now: testTime.Add(-skew)},
		"later than that":         {now: testTime.Add(skew + time.Second), want: "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z"},
		"earlier than that":       {now: testTime.Add(-skew - time.Second), want: "Signature not yet current"},
		"of another service":      {now: testTime, change: func(s *Signature) { s.Service = "s3" }, want: "correct service: 'batch'"},
		"of another day's scope":  {now: testTime, change: func(s *Signature) { s.day = "20150829" }, want: "Date in Credential scope"},
		"just over midnight, too": {now: testTime, change: func(s *Signature) { s.Time = s.Time.Add(12 * time.Hour) }, want: "Date in Credential scope"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := good
			if tc.change != nil {
				tc.change(&s)
			}
			err := s.Check("batch", tc.now, skew)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Check() = %v, want %q", err, tc.want)
			}
		})
	}
}

// FuzzParse holds that no header makes the parser fail otherwise than by an error, nor a made-up signature pass.
func FuzzParse(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKID/20150830/us-east-1/batch/aws4_request, SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("0", 64), "/v1/x?a=b%20", "20150830T123600Z")
	f.Add("AWS4-HMAC-SHA256 Credential=a/b/c/d/e/aws4_request,SignedHeaders=;,Signature=", "/../%", "")
	f.Fuzz(func(t *testing.T, authorization, target, date string) {
		r := &http.Request{Method: http.MethodPost, RequestURI: target, Host: "h", Header: http.Header{
			headerAuthorization: {authorization}, headerDate: {date},
		}}
		s, err := Parse(r)
		if err != nil {
			return
		}
		if !isRegion(s.Region) || !isPlain(s.AccessKeyID, maxKeyID) || !s.Signs("host") || len(s.mac) != 32 {
			t.Errorf("claim = %+v", s)
		}
		if s.Verify(r, nil, testSecret) {
			t.Errorf("a made-up signature passes: %q", authorization)
		}
	})
}

// FuzzCanonicalQuery holds the canonical form to its rules: sorted, idempotent, of unreserved characters.
func FuzzCanonicalQuery(f *testing.F) {
	f.Add("b=1&a=2&a=%20+")
	f.Add("%zz")
	f.Fuzz(func(t *testing.T, raw string) {
		for _, order := range orders {
			once, ok := canonicalQuery(raw, order)
			if !ok {
				return
			}
			if twice, ok := canonicalQuery(once, order); !ok || once != twice {
				t.Errorf("%q becomes %q, then %q", raw, once, twice)
			}
		}
	})
}
