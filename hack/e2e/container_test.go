// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// container is a shell script in busybox, by containerProperties.
func container(script, vcpus, folder string) *types.ContainerProperties {
	return &types.ContainerProperties{
		Image:                aws.String(busybox),
		Command:              []string{"sh", "-c", script},
		ResourceRequirements: requirements(vcpus),
		Volumes:              hostVolumes(folder),
		MountPoints:          hostMounts(),
	}
}

func requirements(vcpus string) []types.ResourceRequirement {
	return []types.ResourceRequirement{
		{Type: types.ResourceTypeVcpu, Value: &vcpus},
		{Type: types.ResourceTypeMemory, Value: aws.String("64")},
	}
}

// hostVolumes and hostMounts mount a folder of this machine as /host.
func hostVolumes(folder string) []types.Volume {
	return []types.Volume{{Name: aws.String("host"), Host: &types.Host{SourcePath: &folder}}}
}

func hostMounts() []types.MountPoint {
	return []types.MountPoint{{SourceVolume: aws.String("host"), ContainerPath: aws.String("/host")}}
}

// report tells what a container finds that is not its image's.
const report = `{
	echo "password $PASSWORD, token $TOKEN"
	echo "user $(id -u), group $(id -g)"
	touch /forbidden 2>&1
	for folder in /dev/shm /scratch; do
		touch $folder/mark && echo "$folder is $(df -m $folder | awk 'END { print $1, $2 }')"
	done
} >/host/report`

func TestContainerGetsWhatItsPropertiesSay(t *testing.T) {
	t.Parallel()
	s, w := newSite(t, "properties", siteConfig{}), newWitness(t)
	if err := os.Chmod(w.folder, 0o777); err != nil { // the container is not root
		t.Fatal(err)
	}
	createSecret(t, "e2e-database", map[string]string{"password": "s3cret"})
	createSecret(t, "e2e-token", map[string]string{"value": "t0ken $(HOME)"})
	properties := container(report, "0.25", w.folder)
	properties.User = aws.String("1234:2345")
	properties.ReadonlyRootFilesystem = aws.Bool(true)
	properties.Secrets = []types.Secret{
		{Name: aws.String("PASSWORD"), ValueFrom: aws.String("arn:aws:secretsmanager:us-east-1:123456789012:secret:E2E/Database-a1B2c3:password::")},
		{Name: aws.String("TOKEN"), ValueFrom: aws.String("arn:aws:ssm:us-east-1:123456789012:parameter/e2e/token")},
	}
	properties.LinuxParameters = &types.LinuxParameters{
		SharedMemorySize: aws.Int32(16),
		Tmpfs:            []types.Tmpfs{{ContainerPath: aws.String("/scratch"), Size: aws.Int32(8)}},
	}
	definition := s.register(t, &sdk.RegisterJobDefinitionInput{
		Type: types.JobDefinitionTypeContainer, ContainerProperties: properties,
	})
	job := s.awaitStatus(t, s.start(t, &sdk.SubmitJobInput{JobDefinition: &definition}), long, types.JobStatusSucceeded)

	want := []string{
		"password s3cret, token t0ken $(HOME)",
		"user 1234, group 2345",
		"touch: /forbidden: Read-only file system",
		"/dev/shm is tmpfs 16",
		"/scratch is tmpfs 8",
	}
	if diff := cmp.Diff(want, w.lines(t, "report")); diff != "" {
		t.Errorf("what the container found (-want +got):\n%s", diff)
	}
	if c := job.Container; c == nil || !aws.ToBool(c.ReadonlyRootFilesystem) || len(c.Secrets) != 2 || aws.ToString(c.User) != "1234:2345" {
		t.Errorf("container = %s", show(c))
	}
}

// createSecret makes a Kubernetes Secret where jobs run.
func createSecret(t *testing.T, name string, values map[string]string) {
	t.Helper()
	secrets := local.kube.CoreV1().Secrets(local.env["MUSTER_NAMESPACE"])
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, StringData: values}
	if _, err := secrets.Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = secrets.Delete(context.Background(), name, metav1.DeleteOptions{}) })
}
