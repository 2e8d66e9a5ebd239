"""What is installed only with an extra of the package, and the sentence for whoever lacks it."""

from __future__ import annotations

from importlib.util import find_spec

from . import reasons
from .errors import ConfigurationError

EXTRAS: dict[str, tuple[str, ...]] = {
    "trainer": ("torch", "numpy", "pyarrow", "boto3", "botocore", "matplotlib", "apprise", "requests"),
    "operator": ("kopf", "kubernetes", "aiohttp", "prometheus_client"),
    "completion": ("shtab",),
}
"""The modules of each extra, as far as this project imports them."""


def require(extra: str) -> None:
    """Raises ConfigurationError("NotInstalled") where a module of the extra is missing."""
    missing = next((module for module in EXTRAS[extra] if find_spec(module) is None), None)
    if missing:
        raise not_installed(missing, extra)


def lacking(error: ModuleNotFoundError) -> ConfigurationError | None:
    """The sentence for an import that failed for want of an extra; None for any other, which is a fault of ours."""
    module = (error.name or "").partition(".")[0]
    extra = next((extra for extra, modules in EXTRAS.items() if module in modules), None)
    return not_installed(module, extra) if extra else None


def not_installed(module: str, extra: str) -> ConfigurationError:
    """The sentence."""
    return ConfigurationError(
        reasons.NOT_INSTALLED, f"{module} is not installed here; install retrain-operator[{extra}], then try again."
    )
