"""The value sets that the chart's tests render: the least, everything on, everything off, the docs', and one that
chooses every plain value otherwise than the chart does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
CHART: Final = ROOT / "helm" / "ei-relay"

CONFIG: Final = """\
environment = "production"

[engagement_index.national]
url = "https://esb.example/vp/itintegration/engagementindex/Update/1/rivtabp21"
logical_address = "5565594230"
client_certificate = "/etc/ei-relay/certificates/national/tls.crt"
client_key = "/etc/ei-relay/certificates/national/tls.key"
ca_bundle = "/etc/ei-relay/certificates/national/ca.crt"

[[source]]
name = "tidbok-nord"
source_systems = ["SE2321000016-84GX"]
data_controller = "SE232100-0016"
engagement_index = "national"
care_units = "care-units.csv"
"""
LEAST: Final[dict[str, Any]] = {
    "config": CONFIG,
    "files": {"care-units.csv": (ROOT / "config" / "care-units.csv").read_text(encoding="utf-8")},
    "secrets": [
        {"setting": "DATABASE_URL", "secretName": "ei-relay", "key": "database-url"},
        {"setting": "BROKER_URL", "secretName": "ei-relay", "key": "broker-url"},
    ],
    "certificates": [{"name": "national", "secretName": "ei-national-certificate"}],
}
EVERYTHING: Final[dict[str, Any]] = {
    **LEAST,
    "image": {"repository": "harbor.region.example/ei/ei-relay", "digest": "sha256:" + "a" * 64},
    "imagePullSecrets": [{"name": "harbor"}],
    "certificates": [{"name": "national", "secretName": "national", "caConfigMapName": "trust"}],
    "workers": {
        "replicas": 4,
        "autoscaling": {
            "enabled": True,
            "minReplicas": 3,
            "maxReplicas": 4,
            "metric": {"name": "unread", "matchLabels": {"source": "tidbok-nord"}},
            "averageValue": "1k",
            "value": "300",
        },
        "nodeSelector": {"zone": "a"},
        "tolerations": [{"key": "batch", "operator": "Exists"}],
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
        ],
        "podAnnotations": {"team": "booking"},
    },
    "externalSecrets": [
        {
            "name": "ei-relay",
            "store": {"name": "vault", "kind": "ClusterSecretStore"},
            "data": [{"secretKey": "database-url", "remoteRef": {"key": "ei/relay", "property": "database-url"}}],
        },
        {
            "name": "national",
            "store": {"name": "vault"},
            "refreshInterval": "1h",
            "data": [
                {"secretKey": "function.p12", "remoteRef": {"key": "ei/certificate", "decodingStrategy": "Base64"}}
            ],
        },
    ],
    "beat": {"replicas": 2},
    "exporter": {"port": 9999},
    "console": {
        "enabled": True,
        "signIn": {"trustedProxies": ["10.42.0.0/16"], "viewers": ["*"], "support": ["help"], "operators": ["run"]},
        "from": [{"podSelector": {"matchLabels": {"app": "oauth2-proxy"}}}],
    },
    "serviceAccount": {"annotations": {"owner": "booking"}},
    "networkPolicy": {
        "metricsFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
        "egress": [{"ports": [{"port": 5432, "protocol": "TCP"}]}],
    },
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {
        "docsUrl": "https://wiki.example/ei-relay",
        "enabled": True,
        "labels": {"release": "prometheus"},
    },
    "dashboard": {"enabled": True, "annotations": {"grafana_folder": "EI"}},
    "extraEnv": [{"name": "TZ", "value": "Europe/Stockholm"}],
    "extraVolumes": [{"name": "postgres-ca", "configMap": {"name": "postgres-ca"}}],
    "extraVolumeMounts": [{"name": "postgres-ca", "mountPath": "/etc/postgres-ca", "readOnly": True}],
    "commonLabels": {"region": "nord"},
}
NOTHING: Final[dict[str, Any]] = {
    "config": CONFIG,
    "workers": {"replicas": 1, "podDisruptionBudget": {"enabled": False}, "metrics": {"enabled": False}},
    "exporter": {"enabled": False},
    "migrations": {"enabled": False},
    "check": {"enabled": False},
    "serviceAccount": {"create": False},
    "networkPolicy": {"enabled": False},
}
_AMOUNTS: Final = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "2Gi"}}
_PLACED: Final = {
    "resources": _AMOUNTS,
    "podAnnotations": {"team": "booking"},
    "nodeSelector": {"zone": "a"},
    "tolerations": [{"key": "batch", "operator": "Exists"}],
    "affinity": {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app.kubernetes.io/instance": "nord"}}}
            ]
        }
    },
    "topologySpreadConstraints": [
        {"maxSkew": 2, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule"}
    ],
}
OTHERWISE: Final[dict[str, Any]] = {
    **LEAST,
    "runAs": {"user": None, "group": None, "fsGroup": None},
    "image": {"repository": "ei/ei-relay", "tag": "0.1.0-own", "pullPolicy": "Always"},
    "nameOverride": "relay",
    "fullnameOverride": "ei",
    "workers": {
        **_PLACED,
        "terminationGracePeriodSeconds": 300,
        "metrics": {"enabled": True, "port": 9500},
        "podDisruptionBudget": {"maxUnavailable": "50%"},
        "keda": {
            "enabled": True,
            "minReplicas": 3,
            "maxReplicas": 4,
            "serverAddress": "https://prometheus.example",
            "query": "max(ei_relay_oldest_pending_seconds)",
            "threshold": "300.5",
            "pollingInterval": 15,
            "cooldownPeriod": 60,
            "fallback": {"failureThreshold": 1, "replicas": 3},
            "authenticationRef": "prometheus",
        },
    },
    "beat": _PLACED,
    "exporter": _PLACED,
    "console": {
        **_PLACED,
        "enabled": True,
        "port": 9500,
        "host": "::",
        "replicas": 2,
        "signIn": {
            "trustedProxies": ["fd00::/8", "10.1.2.3"],
            "userHeader": "X-Auth-Request-User",
            "groupsHeader": "X-Auth-Request-Groups",
            "operators": ["ei-drift"],
        },
        "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "sign-in"}}}],
    },
    "check": {"resources": _AMOUNTS},
    "migrations": {"backoffLimit": 0, "activeDeadlineSeconds": 60, "resources": _AMOUNTS},
    "serviceAccount": {"create": False, "name": "booking"},
    "serviceMonitor": {"enabled": True, "interval": "1m"},
    "dashboard": {"enabled": True, "labels": {"grafana_dashboard": "yes"}},
}


def of_the_docs() -> str:
    """The YAML of the values file that docs/install.md tells a newcomer to write."""
    text = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    (values,) = re.findall(r"```yaml\n# values\.yaml\n(.*?)```", text, re.DOTALL)
    return str(values)


# What the chart may say in an ExternalSecret's spec, after version 1 of that kind: no package has its schema.
_TEXT: Final = {"type": "string", "minLength": 1}
EXTERNAL_SECRET: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["refreshInterval", "secretStoreRef", "target", "data"],
    "properties": {
        "refreshInterval": {"type": "string", "pattern": "^([0-9]+(h|m|s))+$"},
        "secretStoreRef": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name"],
            "properties": {"name": _TEXT, "kind": {"enum": ["SecretStore", "ClusterSecretStore"]}},
        },
        "target": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "name": _TEXT,
                "creationPolicy": {"enum": ["Owner", "Orphan", "Merge", "None"]},
                "deletionPolicy": {"enum": ["Delete", "Merge", "Retain"]},
            },
        },
        "data": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["secretKey", "remoteRef"],
                "properties": {
                    "secretKey": {"type": "string", "pattern": "^[-._a-zA-Z0-9]{1,253}$"},
                    "remoteRef": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["key"],
                        "properties": {
                            **{key: {"type": "string"} for key in ("key", "property", "version")},
                            "decodingStrategy": {"enum": ["Auto", "Base64", "Base64URL", "None"]},
                            "conversionStrategy": {"enum": ["Default", "Unicode"]},
                            "metadataPolicy": {"enum": ["None", "Fetch"]},
                        },
                    },
                },
            },
        },
    },
}
