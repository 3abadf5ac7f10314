{{/* Names, labels and the parts that every pod of the relay has in common. */}}

{{- define "ei-relay.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "ei-relay.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "ei-relay.ownLabels" -}}
{{ include "ei-relay.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "ei-relay.labels" -}}
{{- include "ei-relay.labelsAnd" (list . dict) -}}
{{- end -}}

{{/* The labels of a manifest that has some of its own in the values. Takes (list $ .Values.dashboard.labels); these win
     over commonLabels, and no name comes twice, which a strict reader refuses. */}}
{{- define "ei-relay.labelsAnd" -}}
{{- $root := first . -}}
{{- $own := fromYaml (include "ei-relay.ownLabels" $root) -}}
{{- $chosen := merge dict (default dict (last .)) (default dict $root.Values.commonLabels) -}}
{{- range $name, $_ := $chosen -}}
{{- if or (hasKey $own $name) (eq $name "app.kubernetes.io/component") -}}
{{- fail (printf "labels: %s is the chart's own; give yours another name" $name) -}}
{{- end -}}
{{- end -}}
{{- toYaml (merge $own $chosen) -}}
{{- end -}}

{{- define "ei-relay.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "ei-relay.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "ei-relay.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* The ConfigMap's data; also what pods are restarted for when it changes. */}}
{{- define "ei-relay.configData" -}}
{{- if hasKey .Values.files "ei-relay.toml" -}}
{{- fail "files: ei-relay.toml is what `config` becomes; name the file otherwise" -}}
{{- end -}}
{{ toYaml (merge (dict "ei-relay.toml" .Values.config) .Values.files) }}
{{- end -}}

{{/* The longest call_timeout, in whole seconds, rounded up: of `config`, and never less than its default. It may stand
     in a table of its own, after a dot, or in braces on one line. */}}
{{- define "ei-relay.callTimeoutSeconds" -}}
{{- $longest := 90 -}}
{{- $config := regexReplaceAll "(?m)^[ \t]*#.*$" .Values.config "" -}}
{{- range regexFindAll "\\bcall_timeout[\"']?[ \t]*=[ \t]*[\"'][ \t]*[0-9.]+[ \t]*(ms|s|m|h|d)" $config -1 -}}
{{- $value := regexFind "[0-9.]+[ \t]*(ms|s|m|h|d)$" . -}}
{{- $number := float64 (regexFind "[0-9.]+" $value) -}}
{{- $unit := regexFind "[a-z]+" $value -}}
{{- $factor := get (dict "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0 "d" 86400.0) $unit -}}
{{- $longest = max $longest (ceil (mulf $number $factor)) -}}
{{- end -}}
{{- $longest -}}
{{- end -}}

{{/* A worker that is told to stop finishes its calls: it gets the longest call, and 30 s for what is around it. */}}
{{- define "ei-relay.gracePeriodSeconds" -}}
{{- $call := int (include "ei-relay.callTimeoutSeconds" .) -}}
{{- $chosen := .Values.workers.terminationGracePeriodSeconds -}}
{{- if kindIs "invalid" $chosen -}}
{{- add $call 30 -}}
{{- else if le (int $chosen) (add $call 10 | int) -}}
{{- fail (printf "workers.terminationGracePeriodSeconds: %d would kill calls that are out; expected more than %d, the longest call_timeout and 10 s" (int $chosen) (add $call 10)) -}}
{{- else -}}
{{- int $chosen -}}
{{- end -}}
{{- end -}}

{{/* Whether the workers serve what they count; empty if not. */}}
{{- define "ei-relay.workerMetrics" -}}
{{- if or .Values.workers.metrics.enabled .Values.serviceMonitor.enabled }}yes{{ end -}}
{{- end -}}

{{/* Everything of a pod's spec that is not its containers. Takes (dict "root" $ "part" .Values.workers "component"
     "workers"). */}}
{{- define "ei-relay.podCommon" -}}
{{- $root := .root -}}
enableServiceLinks: false            # a Service's injected EI_RELAY_… variables would be taken for settings
automountServiceAccountToken: false
shareProcessNamespace: true          # the first process of a namespace never hears a SIGTERM while it starts
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
{{- with $root.Values.runAs }}
{{- with .user }}
  runAsUser: {{ int64 . }}
{{- end }}
{{- with .group }}
  runAsGroup: {{ int64 . }}
{{- end }}
{{- with .fsGroup }}
  fsGroup: {{ int64 . }}
{{- end }}
{{- end }}
  seccompProfile:
    type: RuntimeDefault
{{- with .part.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .part.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .part.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $component := .component }}
{{- with .part.topologySpreadConstraints }}
topologySpreadConstraints:
{{- range . }}
  {{- /* one without a selector would count no pod at all */}}
  {{- $own := fromYaml (include "ei-relay.selector" $root) }}
  {{- $_ := set $own "app.kubernetes.io/component" $component }}
  {{- $chosen := hasKey . "labelSelector" | ternary . (merge (dict "labelSelector" (dict "matchLabels" $own)) .) }}
  - {{- toYaml $chosen | nindent 4 }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Everything of a container but its name, command, probes and ports. Takes the same. */}}
{{- define "ei-relay.containerCommon" -}}
{{- $root := .root -}}
image: {{ include "ei-relay.image" $root | quote }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
resources:
  {{- toYaml .part.resources | nindent 2 }}
env:
  - name: EI_RELAY_CONFIG
    value: /etc/ei-relay/config/ei-relay.toml
  - name: EI_RELAY_EXPORTER_PORT
    value: {{ $root.Values.exporter.port | quote }}
  - name: EI_RELAY_WORKER_METRICS_PORT
    value: {{ ternary $root.Values.workers.metrics.port 0 (not (empty (include "ei-relay.workerMetrics" $root))) | quote }}
  - name: WORKER_PULSE_FILE
    value: /tmp/pulse
  {{- if eq (default "" .component) "console" }}
  - name: EI_RELAY_CONSOLE__PORT
    value: {{ .part.port | quote }}
  - name: EI_RELAY_CONSOLE__HOST
    value: {{ .part.host | quote }}
  {{- with .part.signIn }}
  - name: EI_RELAY_CONSOLE__TRUSTED_PROXIES
    value: {{ .trustedProxies | toJson | quote }}
  - name: EI_RELAY_CONSOLE__USER_HEADER
    value: {{ .userHeader | quote }}
  - name: EI_RELAY_CONSOLE__GROUPS_HEADER
    value: {{ .groupsHeader | quote }}
  - name: EI_RELAY_CONSOLE__VIEWERS
    value: {{ .viewers | toJson | quote }}
  - name: EI_RELAY_CONSOLE__SUPPORT
    value: {{ .support | toJson | quote }}
  - name: EI_RELAY_CONSOLE__OPERATORS
    value: {{ .operators | toJson | quote }}
  {{- end }}
  {{- end }}
  {{- range $root.Values.secrets }}
  - name: EI_RELAY_{{ .setting }}_FILE
    value: /etc/ei-relay/secrets/{{ .setting }}
  {{- end }}
  {{- range $root.Values.extraEnv }}
  {{- if or (has .name (list "EI_RELAY_CONFIG" "EI_RELAY_EXPORTER_PORT" "EI_RELAY_WORKER_METRICS_PORT" "WORKER_PULSE_FILE")) (hasPrefix "EI_RELAY_CONSOLE__" .name) }}
  {{- fail (printf "extraEnv: %s is the chart's own, and a name that comes twice cannot be applied server-side; see exporter.port, workers.metrics and console" .name) }}
  {{- end }}
  {{- end }}
  {{- with $root.Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumeMounts:
  - name: config
    mountPath: /etc/ei-relay/config
    readOnly: true
  {{- if $root.Values.secrets }}
  - name: secrets
    mountPath: /etc/ei-relay/secrets
    readOnly: true
  {{- end }}
  {{- range $root.Values.certificates }}
  - name: certificate-{{ .name }}
    mountPath: /etc/ei-relay/certificates/{{ .name }}
    readOnly: true
  {{- end }}
  - name: tmp
    mountPath: /tmp
  {{- with $root.Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* The volumes. Takes (dict "root" $ "configMap" NAME). No subPath anywhere: a renewed file has to arrive. */}}
{{- define "ei-relay.volumes" -}}
{{- $root := .root -}}
- name: config
  configMap:
    name: {{ .configMap }}
{{- with $root.Values.secrets }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range . }}
      - secret:
          name: {{ .secretName }}
          items:
            - key: {{ .key }}
              path: {{ .setting }}
      {{- end }}
{{- end }}
{{- range $root.Values.certificates }}
- name: certificate-{{ .name }}
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ .secretName }}
      {{- with .caConfigMapName }}
      - configMap:
          name: {{ . }}
      {{- end }}
{{- end }}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- with $root.Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Probes of a process that touches the pulse file every second while its loop turns, which takes a broker. Not
     ready after a minute without; restarted only after a quarter of an hour, since a broker's outage is nothing that
     a restart could mend. */}}
{{- define "ei-relay.pulseProbes" -}}
readinessProbe:
  exec:
    command: [sh, -c, 'test -n "$(find /tmp/pulse -mmin -1)"']
  periodSeconds: 15
  timeoutSeconds: 5
  failureThreshold: 1
livenessProbe:
  exec:
    command: [sh, -c, 'test -n "$(find /tmp/pulse -mmin -1)"']
  periodSeconds: 60
  timeoutSeconds: 5
  failureThreshold: 15
{{- end -}}
