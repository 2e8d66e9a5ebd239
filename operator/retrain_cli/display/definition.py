"""The CustomResourceDefinitions as the texts in crds/, from the models."""

from __future__ import annotations

import yaml

from retrain_api.names import PLURAL
from retrain_api.schema.crd import crd, definitions

_HEAD = "# Generated from the models in operator/retrain_api by `make generate`; do not edit.\n"


class _Plain(yaml.SafeDumper):
    """Without anchors: kubectl would read them, people would not."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def every_definition() -> dict[str, str]:
    """A YAML document for each kind, by its plural."""
    return {plural: definition(plural) for plural in definitions()}


def definition(plural: str = PLURAL) -> str:
    """The YAML document of one kind."""
    return _HEAD + yaml.dump(crd(plural), Dumper=_Plain, sort_keys=False, width=110, allow_unicode=True)
