// SPDX-License-Identifier: Apache-2.0

package ec2fake

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// spotShare is what a Spot instance costs of the On-Demand price where nothing else is set.
const spotShare = 0.3

// SetPrice sets what an instance of a pool costs an hour. A pool without a zone is over all zones, one without a capacity type
// is On-Demand. Without it, types cost what they are said to, and Spot instances less than a third of it.
func (c *Cloud) SetPrice(p Pool, price float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.Capacity == "" {
		p.Capacity = "on-demand"
	}
	c.prices[p] = price
}

// price is what an instance of a pool costs. It is called with mu held.
func (c *Cloud) price(instanceType, zone, capacity string) float64 {
	for _, p := range []Pool{{instanceType, zone, capacity}, {instanceType, "", capacity}} {
		if price, ok := c.prices[p]; ok {
			return price
		}
	}
	if capacity == "spot" {
		return spotShare * c.price(instanceType, zone, "on-demand")
	}
	t, _ := c.typeOf(instanceType)
	return t.PricePerHour
}

type spotPriceElement struct {
	Type    string `xml:"instanceType"`
	Product string `xml:"productDescription"`
	Price   string `xml:"spotPrice"`
	Zone    string `xml:"availabilityZone"`
	At      string `xml:"timestamp"`
}

// describeSpotPriceHistory tells of each pool the price of now and one of an hour ago, which was higher.
func (c *Cloud) describeSpotPriceHistory(p *node) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	start, err := time.Parse(time.RFC3339, p.text("StartTime"))
	if err != nil {
		return nil, refuse("InvalidParameterValue", "StartTime is missing")
	}
	var all []spotPriceElement
	for _, t := range c.cfg.Types {
		for _, zone := range c.cfg.Zones {
			if price := c.price(t.Name, zone, "spot"); price > 0 {
				element := func(price float64, at time.Time) spotPriceElement {
					return spotPriceElement{t.Name, "Linux/UNIX", strconv.FormatFloat(price, 'f', 6, 64), zone, at.UTC().Format(time.RFC3339)}
				}
				all = append(all, element(price, start), element(2*price, start.Add(-time.Hour)))
			}
		}
	}
	from, to, next := c.page(p, len(all))
	return struct {
		Next   string             `xml:"nextToken"` // empty, not absent, on the last page
		Prices []spotPriceElement `xml:"spotPriceHistorySet>item"`
	}{next, all[from:to]}, nil
}

// getProducts answers for Pricing. Bare metal is a product of its own, of which there is none.
func (c *Cloud) getProducts(w http.ResponseWriter, r *http.Request) {
	var in struct {
		ServiceCode, NextToken string
		MaxResults             int
		Filters                []struct{ Type, Field, Value string }
	}
	f := c.fault("GetProducts", false)
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.ServiceCode != "AmazonEC2" {
		f = &Fault{Code: "InvalidParameterException"}
	}
	if f != nil && f.Code != "" {
		w.WriteHeader(http.StatusBadRequest)
		writeJSON(w, map[string]string{"__type": f.Code, "message": f.Message})
		return
	}
	var all []string
	for _, filter := range in.Filters {
		if filter.Field == "productFamily" && filter.Value == "Compute Instance" {
			all = c.products()
		}
	}
	from := min(atoi(in.NextToken), len(all))
	to := min(from+in.MaxResults, len(all))
	reply := map[string]any{"FormatVersion": "aws_v1", "PriceList": all[from:to]}
	if to < len(all) {
		reply["NextToken"] = strconv.Itoa(to)
	}
	writeJSON(w, reply)
}

// products are entries of a price list, in strings, as Pricing has them.
func (c *Cloud) products() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := []string{}
	for _, t := range c.cfg.Types {
		price := strconv.FormatFloat(c.price(t.Name, "", "on-demand"), 'f', 10, 64)
		dimension := func(unit, price string) map[string]any {
			return map[string]any{"SKU.TERM": map[string]any{"priceDimensions": map[string]any{
				"SKU.TERM.RATE": map[string]any{"unit": unit, "pricePerUnit": map[string]string{"USD": price}},
			}}}
		}
		doc, err := json.Marshal(map[string]any{
			"product": map[string]any{"productFamily": "Compute Instance", "attributes": map[string]string{"instanceType": t.Name}},
			"terms":   map[string]any{"OnDemand": dimension("Hrs", price), "Reserved": dimension("Quantity", "9999.0000000000")},
		})
		if err != nil {
			panic("encode product: " + err.Error())
		}
		out = append(out, string(doc))
	}
	return out
}
