// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"fmt"
	"testing"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

func TestConsumableResourceIsEchoed(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ fields, want string }{
		"defaults": {``, `"totalQuantity":0,"inUseQuantity":0,"availableQuantity":0,"resourceType":"REPLENISHABLE","tags":{}`},
		"every member": {
			`,"totalQuantity":9007199254740991,"resourceType":"NON_REPLENISHABLE","tags":{"k":"v"}`,
			`"totalQuantity":9007199254740991,"inUseQuantity":0,"availableQuantity":9007199254740991,"resourceType":"NON_REPLENISHABLE","tags":{"k":"v"}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			names := fmt.Sprintf(`"consumableResourceName":"c","consumableResourceArn":%q`, arnBase+"consumable-resource/c")
			wantJSON(t, `{`+names+`}`, ok(t, f.CreateConsumableResource, `{"consumableResourceName":"c"`+tc.fields+`}`))
			want := `{` + names + `,"createdAt":` + ms(0) + `,` + tc.want + `}`
			wantJSON(t, want, ok(t, f.DescribeConsumableResource, `{"consumableResource":"c"}`))
			wantJSON(t, want, ok(t, f.DescribeConsumableResource, fmt.Sprintf(`{"consumableResource":%q}`, arnBase+"consumable-resource/c")))
		})
	}
}

func TestConsumableResourceRefusals(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ok(t, f.CreateConsumableResource, `{"consumableResourceName":"c","totalQuantity":5}`)
	create := func(body string) func() (string, error) {
		return func() (string, error) { return do(t, f.CreateConsumableResource, body) }
	}
	update := func(body string) func() (string, error) {
		return func() (string, error) { return do(t, f.UpdateConsumableResource, body) }
	}
	const operationRule = "operation must be one of SET, ADD, REMOVE"
	cases := map[string]struct {
		call func() (string, error)
		want string
	}{
		"a bad name":           {create(`{"consumableResourceName":"a/b"}`), "Provided name a/b is not supported pattern[a-zA-Z_0-9-]{1,128}"},
		"a name that is taken": {create(`{"consumableResourceName":"c"}`), "Object already exists"},
		"another type":         {create(`{"consumableResourceName":"d","resourceType":"x"}`), "resourceType must be one of REPLENISHABLE, NON_REPLENISHABLE"},
		"less than nothing":    {create(`{"consumableResourceName":"d","totalQuantity":-1}`), "totalQuantity must be between 0 and 9007199254740991"},
		"a reserved tag":       {create(`{"consumableResourceName":"d","tags":{"aws:a":"b"}}`), "tags: keys that begin with aws: are reserved"},
		"no operation":         {update(`{"consumableResource":"c","quantity":1}`), operationRule},
		"another operation":    {update(`{"consumableResource":"c","operation":"add","quantity":1}`), operationRule},
		"no quantity":          {update(`{"consumableResource":"c","operation":"ADD"}`), "quantity is required"},
		"a negative quantity":  {update(`{"consumableResource":"c","operation":"ADD","quantity":-1}`), "quantity must be between 0 and 9007199254740991"},
		"too much in all":      {update(`{"consumableResource":"c","operation":"ADD","quantity":9007199254740991}`), "totalQuantity must be between 0 and 9007199254740991"},
		"more than there is":   {update(`{"consumableResource":"c","operation":"REMOVE","quantity":6}`), "quantity must not be greater than the totalQuantity of c, which is 5"},
		"update of none":       {update(`{"consumableResource":"x","operation":"SET","quantity":6}`), "ConsumableResource x does not exist"},
		"update of a queue": {
			update(`{"consumableResource":"arn:aws:batch:r:1:job-queue/c","operation":"SET","quantity":6}`),
			"ConsumableResource arn:aws:batch:r:1:job-queue/c does not exist",
		},
		"describe none": {func() (string, error) { return do(t, f.DescribeConsumableResource, `{"consumableResource":"x"}`) }, "ConsumableResource x does not exist"},
		"delete none":   {func() (string, error) { return do(t, f.DeleteConsumableResource, `{"consumableResource":"x"}`) }, "ConsumableResource x does not exist"},
		"another filter": {
			func() (string, error) {
				return do(t, f.ListConsumableResources, `{"filters":[{"name":"JOB_NAME","values":["a"]}]}`)
			},
			"filters: name must be CONSUMABLE_RESOURCE_NAME, not JOB_NAME",
		},
		"a filter without values": {
			func() (string, error) {
				return do(t, f.ListConsumableResources, `{"filters":[{"name":"CONSUMABLE_RESOURCE_NAME"}]}`)
			},
			"filters: CONSUMABLE_RESOURCE_NAME must have a value",
		},
		"too long a page": {func() (string, error) { return do(t, f.ListConsumableResources, `{"maxResults":101}`) }, "maxResults must be between 1 and 100"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := tc.call()
			wantRefusal(t, err, tc.want)
		})
	}
}

// total updates resource c and gives what it has then.
func (f *fixture) total(tb testing.TB, fields string) int64 {
	tb.Helper()
	return *reply(tb, f.UpdateConsumableResource, `{"consumableResource":"c",`+fields+`}`).TotalQuantity
}

func TestUpdateConsumableResource(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ok(t, f.CreateConsumableResource, `{"consumableResourceName":"c","totalQuantity":5}`)
	for _, tc := range []struct {
		fields string
		want   int64
	}{
		{`"operation":"ADD","quantity":3`, 8},
		{`"operation":"ADD","quantity":3`, 11},
		{`"operation":"REMOVE","quantity":11`, 0},
		{`"operation":"SET","quantity":7`, 7},
		{`"operation":"ADD","quantity":0`, 7},
	} {
		if got := f.total(t, tc.fields); got != tc.want {
			t.Errorf("after %s: total %d, want %d", tc.fields, got, tc.want)
		}
	}
}

// Contract 1.8: a client token with the same payload applies once within 8 hours, and both calls succeed.
func TestConsumableClientToken(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ok(t, f.CreateConsumableResource, `{"consumableResourceName":"c"}`)
	const one = `"operation":"ADD","quantity":1,"clientToken":"t1"`
	for range 2 {
		if got := f.total(t, one); got != 1 {
			t.Errorf("total %d, want 1", got)
		}
	}
	_, err := do(t, f.UpdateConsumableResource, `{"consumableResource":"c","operation":"ADD","quantity":2,"clientToken":"t1"}`)
	wantRefusal(t, err, "clientToken was used for another update of c in the last 8 hours")
	if got := f.total(t, `"operation":"ADD","quantity":1,"clientToken":"t2"`); got != 2 {
		t.Errorf("another token: total %d, want 2", got)
	}
	f.clock.SetTime(t0.Add(8*time.Hour - time.Second))
	if got := f.total(t, one); got != 2 {
		t.Errorf("just before 8 hours: total %d, want 2", got)
	}
	f.clock.SetTime(t0.Add(8 * time.Hour))
	if got := f.total(t, one); got != 3 {
		t.Errorf("after 8 hours: total %d, want 3", got)
	}
	c, err := f.store.Consumable(t.Context(), "c")
	if err != nil || len(c.Updates) != 1 {
		t.Errorf("forgotten tokens are kept: %+v %v", c.Updates, err)
	}
}

func TestConsumableTokensAreBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ok(t, f.CreateConsumableResource, `{"consumableResourceName":"c"}`)
	for i := range maxClientTokens + 10 {
		f.total(t, fmt.Sprintf(`"operation":"ADD","quantity":1,"clientToken":"t%d"`, i))
	}
	c, err := f.store.Consumable(t.Context(), "c")
	if err != nil || len(c.Updates) != maxClientTokens || c.Updates[0].Token != "t10" {
		t.Errorf("%d tokens %v", len(c.Updates), err)
	}
}

// Contract 4.11: what is in use beyond a smaller total runs on, and nothing is available then.
func TestConsumableResourceInUse(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ok(t, f.CreateConsumableResource, `{"consumableResourceName":"c","totalQuantity":5}`)
	short, err := f.store.TakeConsumables(t.Context(), "holder", []batch.ConsumableRequirement{{Name: "c", Quantity: 4}})
	if err != nil || short != "" {
		t.Fatal(short, err)
	}
	f.total(t, `"operation":"SET","quantity":2`)
	d := reply(t, f.DescribeConsumableResource, `{"consumableResource":"c"}`)
	if *d.TotalQuantity != 2 || *d.InUseQuantity != 4 || *d.AvailableQuantity != 0 {
		t.Errorf("total %d, in use %d, available %d", *d.TotalQuantity, *d.InUseQuantity, *d.AvailableQuantity)
	}
	ok(t, f.DeleteConsumableResource, fmt.Sprintf(`{"consumableResource":%q}`, arnBase+"consumable-resource/c"))
	wantJSON(t, `{"consumableResources":[]}`, ok(t, f.ListConsumableResources, `{}`))
}

func TestListConsumableResources(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, name := range []string{"gpu-b", "License", "gpu-a"} {
		ok(t, f.CreateConsumableResource, fmt.Sprintf(`{"consumableResourceName":%q,"totalQuantity":2}`, name))
	}
	cases := map[string]struct {
		filters string
		want    []string
	}{
		"all, by name":              {`[]`, []string{"License", "gpu-a", "gpu-b"}},
		"a name":                    {`[{"name":"CONSUMABLE_RESOURCE_NAME","values":["gpu-a"]}]`, []string{"gpu-a"}},
		"in any case":               {`[{"name":"CONSUMABLE_RESOURCE_NAME","values":["LICENSE"]}]`, []string{"License"}},
		"a prefix":                  {`[{"name":"CONSUMABLE_RESOURCE_NAME","values":["GPU-*"]}]`, []string{"gpu-a", "gpu-b"}},
		"several values":            {`[{"name":"CONSUMABLE_RESOURCE_NAME","values":["gpu-a","lic*"]}]`, []string{"License", "gpu-a"}},
		"part of a name is no name": {`[{"name":"CONSUMABLE_RESOURCE_NAME","values":["gpu"]}]`, nil},
		"several filters": {
			`[{"name":"CONSUMABLE_RESOURCE_NAME","values":["gpu-*"]},{"name":"CONSUMABLE_RESOURCE_NAME","values":["*"]},{"name":"CONSUMABLE_RESOURCE_NAME","values":["gpu-b"]}]`,
			[]string{"gpu-b"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			next := ""
			for range 4 { // pages of one
				page := reply(t, f.ListConsumableResources, fmt.Sprintf(`{"maxResults":1,"filters":%s,"nextToken":%q}`, tc.filters, next))
				for _, c := range page.ConsumableResources {
					got = append(got, *c.ConsumableResourceName)
				}
				if page.NextToken == nil {
					break
				}
				next = *page.NextToken
			}
			if fmt.Sprint(got) != fmt.Sprint(tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
	wantJSON(t, `{"consumableResources":[{"consumableResourceName":"gpu-a","consumableResourceArn":"`+arnBase+`consumable-resource/gpu-a","totalQuantity":2,"inUseQuantity":0,"resourceType":"REPLENISHABLE"}]}`,
		ok(t, f.ListConsumableResources, `{"filters":[{"name":"CONSUMABLE_RESOURCE_NAME","values":["gpu-a"]}]}`))
}
