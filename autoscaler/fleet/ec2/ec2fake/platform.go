// SPDX-License-Identifier: Apache-2.0

package ec2fake

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// Version is the cluster's version of Kubernetes.
const Version = "1.33"

// servePlatform answers what is asked of Systems Manager and EKS.
func (c *Cloud) servePlatform(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case r.Header.Get("X-Amz-Target") == "AmazonSSM.GetParameter":
		c.getParameter(w, r)
	case r.Header.Get("X-Amz-Target") == "ServiceQuotasV20190624.GetServiceQuota":
		c.getServiceQuota(w)
	case r.Header.Get("X-Amz-Target") == "AWSPriceListService.GetProducts":
		c.getProducts(w, r)
	case r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/clusters/"):
		c.describeCluster(w, strings.TrimPrefix(r.URL.Path, "/clusters/"))
	default:
		return false
	}
	return true
}

func (c *Cloud) getParameter(w http.ResponseWriter, r *http.Request) {
	var in struct{ Name string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || !strings.HasPrefix(in.Name, "/aws/service/") {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"__type":"ParameterNotFound","message":"there is no such parameter"}`))
		return
	}
	c.fault("GetParameter", false)
	writeJSON(w, map[string]any{"Parameter": map[string]any{"Name": in.Name, "Value": c.newest(in.Name)}})
}

// Publish publishes newer images of all kinds.
func (c *Cloud) Publish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.published++
}

// newest is the image that a parameter names now.
func (c *Cloud) newest(parameter string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.published > 0 {
		parameter += "@" + strconv.Itoa(c.published)
	}
	return ImageOf(parameter)
}

// ImageOf is the image that a parameter names at first.
func ImageOf(parameter string) string {
	sum := sha256.Sum256([]byte(parameter))
	return "ami-" + hex.EncodeToString(sum[:])[:17]
}

func (c *Cloud) describeCluster(w http.ResponseWriter, name string) {
	c.fault("DescribeCluster", false)
	if name != c.cfg.Cluster {
		w.Header().Set("X-Amzn-Errortype", "ResourceNotFoundException")
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"message":"No cluster found for name: ` + name + `."}`))
		return
	}
	writeJSON(w, map[string]any{"cluster": map[string]any{
		"name": name, "endpoint": c.cfg.Endpoint, "version": Version,
		"certificateAuthority":    map[string]any{"data": c.cfg.CertificateAuthority},
		"kubernetesNetworkConfig": map[string]any{"serviceIpv4Cidr": "10.100.0.0/16"},
	}})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(v)
}
