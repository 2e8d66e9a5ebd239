"""The CustomResourceDefinition as the text of crds/retrainruns.yaml, from the models."""

from __future__ import annotations

import yaml

from retrain_api.schema.crd import crd

_HEAD = "# Generated from the models in operator/retrain_api by `make generate`; do not edit.\n"


class _Plain(yaml.SafeDumper):
    """Without anchors: kubectl would read them, people would not."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def definition() -> str:
    """One YAML document."""
    return _HEAD + yaml.dump(crd(), Dumper=_Plain, sort_keys=False, width=110, allow_unicode=True)
