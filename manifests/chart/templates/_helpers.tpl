{{/* The text of a file of files/, with the namespaces of this release. Its argument is a list: the context, the file's name. */}}
{{- define "muster.file" -}}
{{- $ := index . 0 -}}
{{- $text := $.Files.Get (printf "files/%s" (index . 1)) -}}
{{- if not $text }}{{ fail (printf "the chart has no files/%s" (index . 1)) }}{{ end -}}
{{- $text | replace "muster-system" $.Release.Namespace | replace "muster-jobs" $.Values.jobs.namespace -}}
{{- end -}}

{{/* Such a file's objects but those that are named by KIND/NAME in the list that is the third argument. */}}
{{- define "muster.objects" -}}
{{- $without := index . 2 -}}
{{- range $text := splitList "\n---\n" (include "muster.file" .) }}
{{- $object := fromYaml $text }}
{{- if not (has (printf "%s/%s" $object.kind $object.metadata.name) $without) }}
---
{{ $text }}
{{- end }}
{{- end }}
{{- end -}}

{{/* A role or binding of such a file, without the rules on API groups of the list that is the fourth argument. */}}
{{- define "muster.roleWithout" -}}
{{- $wanted := index . 2 -}}
{{- $groups := index . 3 -}}
{{- range $text := splitList "\n---\n" (include "muster.file" .) }}
{{- $object := fromYaml $text }}
{{- if eq (printf "%s/%s" $object.kind $object.metadata.name) $wanted }}
{{- $rules := list }}
{{- range $rule := $object.rules }}
{{- if not (has (first $rule.apiGroups) $groups) }}{{ $rules = append $rules $rule }}{{ end }}
{{- end }}
---
{{ toYaml (set $object "rules" $rules) }}
{{- end }}
{{- end }}
{{- end -}}

{{/* An image's reference. Its argument is a list: the context, the program's name, the reference that overrides it. */}}
{{- define "muster.image" -}}
{{- $ := index . 0 -}}
{{- index . 2 | default (printf "%s/%s:%s" $.Values.image.repository (index . 1) ($.Values.image.tag | default $.Chart.AppVersion)) -}}
{{- end -}}

{{/* A service account of one of the programs, with its annotations: the context, the name, the annotations. */}}
{{- define "muster.account" -}}
{{- $ := index . 0 -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ index . 1 }}
  namespace: {{ $.Release.Namespace }}
  {{- with index . 2 }}
  annotations: {{ toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* What Deployments have in common at their top: the context, the name, the program's values. */}}
{{- define "muster.deployment" -}}
{{- $ := index . 0 -}}
{{- $name := index . 1 -}}
{{- $values := index . 2 -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}
  namespace: {{ $.Release.Namespace }}
  labels: {{ include "muster.labels" $name | nindent 4 }}
spec:
  {{- if gt (int $values.replicas) 1 }}
  replicas: {{ $values.replicas }}
  {{- end }}
  selector:
    matchLabels:
      app.kubernetes.io/name: {{ $name }}
{{- end -}}

{{- define "muster.labels" -}}
app.kubernetes.io/name: {{ . }}
app.kubernetes.io/part-of: muster
{{- end -}}

{{/* What their pods have in common, with the same arguments. */}}
{{- define "muster.pod" -}}
{{- $ := index . 0 -}}
{{- $values := index . 2 -}}
serviceAccountName: {{ index . 1 }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $.Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
- name: {{ . }}
{{- end }}
{{- end }}
securityContext: {{ include "muster.podSecurity" $ | nindent 2 }}
{{- if gt (int $values.replicas) 1 }}
topologySpreadConstraints:
- topologyKey: kubernetes.io/hostname
  maxSkew: 1
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      app.kubernetes.io/part-of: muster
  matchLabelKeys: [app.kubernetes.io/name]
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Their pods' metadata: the name, the program's values. */}}
{{- define "muster.podMetadata" -}}
labels: {{ include "muster.labels" (index . 0) | nindent 2 }}
{{- with (index . 1).podAnnotations }}
annotations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "muster.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65534
runAsGroup: 65534
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "muster.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Whether somebody asks callers of the Batch API here who they are. */}}
{{- define "muster.asks" -}}
{{- if and .Values.queueApi.enabled .Values.queueApi.auth }}true{{ end -}}
{{- end -}}

{{/* The URL of the Batch API. */}}
{{- define "muster.endpoint" -}}
{{- $port := int .Values.queueApi.service.port -}}
{{- .Values.autoscaler.batchEndpoint | default (printf "http://queue-api.%s.svc%s" .Release.Namespace (eq $port 80 | ternary "" (printf ":%d" $port))) -}}
{{- end -}}

{{/* Fails where values do not go together. */}}
{{- define "muster.validate" -}}
{{- $a := .Values.autoscaler -}}
{{- if $a.enabled -}}
{{- if and (eq $a.fleet "ec2") (not $a.ec2.cluster) }}{{ fail "autoscaler.ec2.cluster must be set with autoscaler.fleet=ec2" }}{{ end -}}
{{- if and (eq $a.fleet "exec") (not $a.command) }}{{ fail "autoscaler.command must be set with autoscaler.fleet=exec" }}{{ end -}}
{{- if and (ne $a.fleet "ec2") $a.ec2.interruptionQueue }}{{ fail "autoscaler.ec2.interruptionQueue needs autoscaler.fleet=ec2" }}{{ end -}}
{{- end -}}
{{- if not .Values.queueApi.enabled -}}
{{- if not .Values.cluster.name }}{{ fail "cluster.name must be set with queueApi.enabled=false" }}{{ end -}}
{{- if not $a.batchEndpoint }}{{ fail "autoscaler.batchEndpoint must be set with queueApi.enabled=false" }}{{ end -}}
{{- if .Values.cluster.others }}{{ fail "cluster.others is for the cluster that queue-api is in: queueApi.enabled must be true" }}{{ end -}}
{{- end -}}
{{- if and .Values.cluster.others (not .Values.cluster.name) }}{{ fail "cluster.name must be set with cluster.others=true" }}{{ end -}}
{{- if and .Values.queueApi.dev (gt (int .Values.queueApi.replicas) 1) }}{{ fail "queueApi.replicas must be 1 with queueApi.dev=true: each would have jobs of its own" }}{{ end -}}
{{- if and .Values.queueApi.logs.claim .Values.queueApi.logs.url }}{{ fail "queueApi.logs.claim and queueApi.logs.url exclude each other" }}{{ end -}}
{{- if and .Values.jobs.onlyIn (not (has .Values.jobs.namespace .Values.jobs.onlyIn)) }}{{ fail (printf "jobs.onlyIn must have jobs.namespace, %s" .Values.jobs.namespace) }}{{ end -}}
{{- end -}}
