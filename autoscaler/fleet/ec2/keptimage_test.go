// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"strconv"
	"testing"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// generation makes a request one of a later generation of its environment, whose image is that of another.
func generation(n, ofImage int) func(*fleet.LaunchRequest) {
	return func(r *fleet.LaunchRequest) {
		r.Labels[batchmeta.Generation] = strconv.Itoa(n)
		r.Environment.Resources.ImageGeneration = ofImage
	}
}

// Contract 6.6: updateToLatestImageVersion is false by default.
func TestTheImageStaysUntilTheNewestIsAskedFor(t *testing.T) {
	t.Parallel()
	const parameter = "/aws/service/eks/optimized-ami/1.33/amazon-linux-2023/x86_64/standard/recommended/image_id"
	first := ec2fake.ImageOf(parameter)
	w := newWorld(t, ec2fake.Config{})
	launches := 0
	image := func(change ...func(*fleet.LaunchRequest)) string {
		launches++
		got := w.launched(w.request("token-"+strconv.Itoa(launches), 1, change...))
		for _, i := range w.cloud.Instances() {
			if i.ID == got[0].ID {
				return i.Image
			}
		}
		t.Fatalf("no instance %s", got[0].ID)
		return ""
	}
	want := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: image %s, want %s", what, got, want)
		}
	}
	want("the newest at first", image(), first)
	w.cloud.Publish()
	w.restart()
	want("another generation", image(generation(2, 0)), first)
	want("another node group", image(func(r *fleet.LaunchRequest) { r.NodeGroup, r.Labels[batchmeta.NodeGroup] = "g", "g" }), first)
	second := ec2fake.ImageOf(parameter + "@1")
	want("another environment", image(func(r *fleet.LaunchRequest) { r.Environment.UUID = "other" }), second)
	want("updateToLatestImageVersion", image(generation(3, 3)), second)
	w.cloud.Publish()
	w.restart()
	want("the generation after that", image(generation(4, 3)), second)
	want("the newest once more", image(generation(5, 5)), ec2fake.ImageOf(parameter+"@2"))
	want("an image of one's own", image(generation(6, 5), func(r *fleet.LaunchRequest) { r.Environment.Resources.ImageID = "ami-own" }), "ami-own")
}
