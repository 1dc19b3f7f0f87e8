// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

const (
	productsPerPage = 100     // AWS: at most
	maxProducts     = 8 << 20 // bytes of a page, as each product comes with the terms of every reservation
)

var errNoPriceList = errors.New("the Pricing API has no prices of the region that its credentials may read")

// pricingRegion is where the prices of a region are asked for. AWS has price lists of all regions in a few.
func pricingRegion(region string) (string, bool) {
	switch continent, _, _ := strings.Cut(region, "-"); {
	case strings.HasPrefix(region, "us-gov-") || strings.HasPrefix(region, "us-iso") || strings.HasPrefix(region, "eu-iso"):
		return "", false // partitions without a price list
	case continent == "cn":
		return "cn-northwest-1", true
	case continent == "ap":
		return "ap-south-1", true
	case continent == "eu":
		return "eu-central-1", true
	default:
		return "us-east-1", true
	}
}

// productFilter is a condition of GetProducts.
type productFilter struct {
	Type, Field, Value string
}

// Prices implements Platform.
func (p *platform) Prices(ctx context.Context) (map[string]float64, error) {
	region, ok := pricingRegion(p.region)
	if !ok {
		return nil, errNoPriceList
	}
	from := *p
	from.region, from.replyLimit = region, maxProducts
	out := map[string]float64{}
	for _, kind := range [][2]string{{"Compute Instance", "Shared"}, {"Compute Instance (bare metal)", "Dedicated"}} {
		filters := termMatches("regionCode", p.region, "serviceCode", "AmazonEC2", "productFamily", kind[0], "tenancy", kind[1],
			"operatingSystem", "Linux", "preInstalledSw", "NA", "capacitystatus", "Used", "marketoption", "OnDemand")
		if err := from.products(ctx, filters, out); err != nil {
			return nil, fmt.Errorf("get prices of %s: %w", strings.ToLower(kind[0]), err)
		}
	}
	if len(out) == 0 {
		return nil, errNoPriceList
	}
	return out, nil
}

func termMatches(fields ...string) []productFilter {
	var out []productFilter
	for i := 0; i < len(fields); i += 2 {
		out = append(out, productFilter{"TERM_MATCH", fields[i], fields[i+1]})
	}
	return out
}

// products asks for all pages and adds their prices to out.
func (p *platform) products(ctx context.Context, filters []productFilter, out map[string]float64) error {
	for next := ""; ; {
		in := map[string]any{"ServiceCode": "AmazonEC2", "Filters": filters, "FormatVersion": "aws_v1", "MaxResults": productsPerPage}
		if next != "" {
			in["NextToken"] = next
		}
		body, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		r, err := p.request(ctx, "api.pricing", http.MethodPost, "/", body)
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", "AWSPriceListService.GetProducts")
		var reply struct {
			PriceList []string
			NextToken string
		}
		if err := p.do(ctx, "pricing", r, body, &reply); err != nil {
			return err
		}
		for _, doc := range reply.PriceList {
			if name, price := productOf(doc); price > 0 {
				out[name] = price
			}
		}
		if next = reply.NextToken; next == "" {
			return nil
		}
	}
}

// productOf reads the instance type and price an hour of an entry of a price list; what is not one has no price.
func productOf(doc string) (instanceType string, price float64) {
	var entry struct {
		Product struct {
			Attributes struct{ InstanceType string }
		}
		Terms struct {
			OnDemand map[string]struct {
				PriceDimensions map[string]struct {
					Unit         string
					PricePerUnit map[string]string // by currency
				}
			}
		}
	}
	if json.Unmarshal([]byte(doc), &entry) != nil {
		return "", 0
	}
	for _, term := range entry.Terms.OnDemand {
		for _, d := range term.PriceDimensions {
			for _, amount := range d.PricePerUnit { // there is one
				if d.Unit == "Hrs" {
					price = max(price, priceOf(amount))
				}
			}
		}
	}
	return entry.Product.Attributes.InstanceType, price
}

// priceOf reads a price; what is none is 0.
func priceOf(text string) float64 {
	price, err := strconv.ParseFloat(text, 64)
	if err != nil || price < 0 {
		return 0
	}
	return price
}
