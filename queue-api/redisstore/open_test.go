// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

func TestOpenSeveralServers(t *testing.T) {
	t.Parallel()
	type where struct {
		Addrs                                  []string
		Master, User, Password, SentinelSecret string
		DB                                     int
		Cluster, TLS                           bool
	}
	cases := map[string]where{
		"redis+sentinel://one,two:7000/main": {Addrs: []string{"one:26379", "two:7000"}, Master: "main"},
		"rediss+sentinel://u:p%40@[::1]:7000/main?db=3&sentinel_password=s": {
			Addrs: []string{"[::1]:7000"}, Master: "main", User: "u", Password: "p@", SentinelSecret: "s", DB: 3, TLS: true,
		},
		"redis+cluster://one":               {Addrs: []string{"one:6379"}, Cluster: true},
		"rediss+cluster://:p@one,two:7000/": {Addrs: []string{"one:6379", "two:7000"}, Password: "p", Cluster: true, TLS: true},
	}
	for address, want := range cases {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			scheme, rest, _ := strings.Cut(address, "://")
			security, kind, _ := strings.Cut(scheme, "+")
			o, err := severalServers(security, kind, rest)
			if err != nil {
				t.Fatal(err)
			}
			got := where{o.Addrs, o.MasterName, o.Username, o.Password, o.SentinelPassword, o.DB, o.IsClusterMode, o.TLSConfig != nil}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("mismatch (-want +got):\n%s", diff)
			}
			client, err := Open(address)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			if _, isCluster := client.(*redis.ClusterClient); isCluster != want.Cluster {
				t.Errorf("client is a %T", client)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"http://host":                        "invalid URL scheme",
		"redis+ring://host":                  "scheme must be",
		"http+cluster://host":                "scheme must be",
		"redis+sentinel://host":              "name of the master",
		"redis+sentinel:///main":             "no host",
		"redis+sentinel://one,,two/main":     "no host",
		"redis+sentinel://one/main?db=x":     "db:",
		"redis+sentinel://one/main?pool=1":   `"pool"`,
		"redis+cluster://one/0":              "takes no path",
		"redis+cluster://one?db=1":           `"db"`,
		"redis+cluster://u:secret%zz@one":    "invalid URL escape",
		"redis://u:secret%zz@one":            "invalid URL escape",
		"redis+cluster://u:sec ret\x7f@one/": "invalid control character",
	}
	for address, want := range cases {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			_, err := Open(address)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Fatalf("got %v, want %q", err, want)
			}
			if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "sec ret") {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}
