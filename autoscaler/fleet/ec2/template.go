// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/queue-api/crashpoint"
)

// templateFormat is part of every digest, and goes up when templates are made in another way from the same.
const templateFormat = 1

// templates remembers which launch templates exist.
type templates struct {
	mu   sync.Mutex        // guards made
	made map[string]string // names by what they are of
}

func newTemplates() *templates { return &templates{made: map[string]string{}} }

func (t *templates) name(key string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.made[key]
}

func (t *templates) note(key, name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.made[key] = name
}

// forget forgets the launch's templates.
func (t *templates) forget(r *fleet.LaunchRequest) {
	t.mu.Lock()
	defer t.mu.Unlock()
	choices := r.Choices()
	for i := range choices {
		delete(t.made, templateKey(ofType(r, &choices[i])))
	}
}

// templateInput is all that a template follows from but what its words stand for at the time: the newest image, the latest
// version of the user's template. That is found out when the template is made, the image only once for an environment until it
// is told to take up the newest, as AWS Batch does, so that nodes of an environment do not change under it.
type templateInput struct {
	Format         int
	Cluster        Cluster
	Labels         map[string]string
	Taints         []corev1.Taint
	Base           fleet.LaunchTemplate
	Image          string
	Parameter      string
	Bootstrap      bootstrap
	SecurityGroups []string
	InstanceRole   string
	KeyPair        string
	PlacementGroup string
}

// template is the name of the launch template that the request's machines are made from. It exists when the call returns.
func (f *Fleet) template(ctx context.Context, r *fleet.LaunchRequest) (string, error) {
	key := templateKey(r)
	if name := f.templates.name(key); name != "" {
		return name, nil
	}
	cluster, err := f.platform.Cluster(ctx, f.cfg.Cluster)
	if err != nil {
		return "", fmt.Errorf("describe cluster %s: %w", f.cfg.Cluster, err)
	}
	base := baseOf(r)
	img, err := imageOf(r, base, &cluster)
	if err != nil {
		return "", err
	}
	name := templateName(r, f.inputOf(r, base, &img, &cluster))
	exists, err := f.templateExists(ctx, name)
	if err == nil && !exists {
		err = f.makeTemplate(ctx, r, name, base, &img, &cluster)
	}
	if err != nil {
		return "", err
	}
	f.templates.note(key, name)
	return name, nil
}

// templateKey tells launches of different templates apart, without asking anybody.
func templateKey(r *fleet.LaunchRequest) string {
	return digest(struct {
		Resources fleet.Resources
		UUID      string
		Labels    map[string]string
		Taints    []corev1.Taint
		GPUs      int
		Arch      string
		Base      *fleet.LaunchTemplate
	}{r.Environment.Resources, r.Environment.UUID, r.Labels, r.Taints, r.Type.GPUs, r.Type.Architecture, baseOf(r)})
}

func (f *Fleet) inputOf(r *fleet.LaunchRequest, base *fleet.LaunchTemplate, i *image, c *Cluster) templateInput {
	res := &r.Environment.Resources
	in := templateInput{
		Format: templateFormat, Cluster: *c, Labels: r.Labels, Taints: r.Taints, Image: i.id, Parameter: i.parameter, Bootstrap: i.bootstrap,
		SecurityGroups: res.SecurityGroups, InstanceRole: f.roleOf(r), KeyPair: res.KeyPair, PlacementGroup: res.PlacementGroup,
	}
	if base != nil {
		in.Base = *base
	}
	return in
}

func (f *Fleet) roleOf(r *fleet.LaunchRequest) string {
	return cmp.Or(r.Environment.Resources.InstanceRole, f.cfg.InstanceRole)
}

// templateName begins with the environment, for those who look at the console.
func templateName(r *fleet.LaunchRequest, in templateInput) string {
	return "muster-" + r.Environment.UUID[:min(8, len(r.Environment.UUID))] + "-" + digest(in)[:24]
}

func digest(v any) string {
	doc, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encode for a digest: %v", err)) // strings, numbers, and lists and maps of them
	}
	sum := sha256.Sum256(doc)
	return hex.EncodeToString(sum[:])
}

// baseOf is the user's launch template for the instance type; nil if there is none.
func baseOf(r *fleet.LaunchRequest) *fleet.LaunchTemplate {
	templates := r.Environment.Resources.Templates
	for i := range templates {
		types := templates[i].InstanceTypes
		if len(types) == 0 || slices.Contains(types, r.Type.Name) || slices.Contains(types, r.Type.Family()) {
			return &templates[i]
		}
	}
	return nil
}

// templateExists asks by a filter, which a name that is not there does not fail.
func (f *Fleet) templateExists(ctx context.Context, name string) (bool, error) {
	out, err := f.api.DescribeLaunchTemplates(ctx, &awsec2.DescribeLaunchTemplatesInput{
		Filters: []ec2types.Filter{filter("launch-template-name", name)},
	})
	if err != nil {
		return false, explain("describe launch template "+name, "", err)
	}
	return len(out.LaunchTemplates) > 0, nil
}

// makeTemplate makes the template. If another leader was quicker, its template is as good.
func (f *Fleet) makeTemplate(
	ctx context.Context, r *fleet.LaunchRequest, name string, base *fleet.LaunchTemplate, i *image, c *Cluster,
) error {
	data, err := f.templateData(ctx, r, base, i, c)
	if err != nil {
		return err
	}
	in := &awsec2.CreateLaunchTemplateInput{
		LaunchTemplateName: aws.String(name), ClientToken: aws.String(name), LaunchTemplateData: data,
		TagSpecifications: tagged(f.templateTags(r, i), ec2types.ResourceTypeLaunchTemplate),
	}
	err = crashpoint.Around("ec2/create-template", func() error {
		_, err := f.api.CreateLaunchTemplate(ctx, in)
		return err
	})
	if code := codeOf(err); err != nil && code != codeTemplateExists && code != codeTokenReused {
		return explain("create launch template "+name, "", err)
	}
	return nil
}
