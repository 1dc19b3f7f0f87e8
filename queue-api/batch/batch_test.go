// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

func TestJobIDNamesItsQueue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		queue := rapid.IntRange(1, MaxQueueNumber).Draw(rt, "queue")
		id, err := NewJobID(queue, nil)
		if err != nil {
			rt.Fatal(err)
		}
		if got, err := QueueNumber(id); err != nil || got != queue {
			rt.Fatalf("%s names queue %d (%v), want %d", id, got, err, queue)
		}
		if id[14] != '4' || (id[19] != '8' && id[19] != '9' && id[19] != 'a' && id[19] != 'b') {
			rt.Fatalf("%s is not a version 4 UUID", id)
		}
	})
}

func TestQueueNumberRefusesWhatIsNoID(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", "x", "00001000-0000-4000-8000-00000000000", "00001000-0000-4000-8000-0000000000000", "0000G000-0000-4000-8000-000000000000", "00001000x0000-4000-8000-000000000000"} {
		if n, err := QueueNumber(id); err == nil {
			t.Errorf("%q names queue %d", id, n)
		}
	}
}

func TestNameFromARN(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		in   string
		want string
		ok   bool
	}{
		"a name is itself":                  {"q", "q", true},
		"an ARN of the type":                {"arn:aws:batch:eu-west-1:123456789012:job-queue/q", "q", true},
		"any region, account and partition": {"arn:aws-cn:batch:x:0:job-queue/q", "q", true},
		"another type is refused":           {"arn:aws:batch:eu-west-1:1:compute-environment/q", "", false},
		"another service is refused":        {"arn:aws:ecs:eu-west-1:1:job-queue/q", "", false},
		"a cut ARN is refused":              {"arn:aws:batch:eu-west-1", "", false},
		"an ARN without a name is refused":  {"arn:aws:batch:eu-west-1:1:job-queue/", "", false},
		"nothing is refused":                {"", "", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, ok := NameFromARN(ARNJobQueue, tc.in); got != tc.want || ok != tc.ok {
				t.Errorf("got %q %v, want %q %v", got, ok, tc.want, tc.ok)
			}
		})
	}
}

func TestParseDefinitionRef(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]DefinitionRef{"d": {Name: "d"}, "d:7": {Name: "d", Revision: 7}} {
		if got, err := ParseDefinitionRef(in); err != nil || got != want || got.String() != in {
			t.Errorf("%s: got %v %v", in, got, err)
		}
	}
	for _, in := range []string{"d:", "d:0", "d:-1", "d:x", "d:1:2"} {
		if got, err := ParseDefinitionRef(in); err == nil {
			t.Errorf("%s: got %v", in, got)
		}
	}
}

func FuzzNameFromARN(f *testing.F) {
	f.Add("arn:aws:batch:eu-west-1:123456789012:job-queue/q")
	f.Fuzz(func(t *testing.T, s string) {
		if name, ok := NameFromARN(ARNJobQueue, s); ok && name == "" {
			t.Errorf("%q has an empty name", s)
		}
	})
}

func ExampleScope_ARN() {
	fmt.Println(Scope{Region: "eu-west-1", Account: "123456789012"}.ARN(ARNJobQueue, "nightly"))
	// Output: arn:aws:batch:eu-west-1:123456789012:job-queue/nightly
}

// FuzzParseIDs reads any text as each kind of id: what is read is written the same.
func FuzzParseIDs(f *testing.F) {
	for _, s := range []string{"00001abc-0000-4000-8000-000000000000", "00001abc-0000-4000-8000-000000000000:1", "00001abc-0000-4000-8000-000000000000#01/2", "d:7", "d", ":"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if ref, err := ParseJobID(s); err == nil {
			again := ref.Job
			if ref.Child >= 0 {
				again = ChildID(ref.Job, ref.Child)
			}
			if ref.Node >= 0 {
				again = NodeID(ref.Job, ref.Node)
			}
			n, err := QueueNumber(s)
			if again != s || err != nil || n < 0 || n > MaxQueueNumber {
				t.Errorf("%q is %+v of queue %d: %v", s, ref, n, err)
			}
		}
		if ref, err := ParseDefinitionRef(s); err == nil && (ref.String() != s || ref.Revision < 0) {
			t.Errorf("%q is definition %v", s, ref)
		}
		if id, attempt, err := ParseAttemptID(s); err == nil {
			if _, err := ParseJobID(id); err != nil || attempt < 1 {
				t.Errorf("%q is attempt %d of %q", s, attempt, id)
			}
		}
	})
}
