"""Configurations of rclone: remotes on a disk and in a bucket of the real S3 server."""

from __future__ import annotations

from pathlib import Path


def on_disk(name: str, folder: Path) -> str:
    """A remote whose root is a folder of this machine."""
    return f"[{name}]\ntype = alias\nremote = {folder}\n"


def in_s3(name: str, endpoint: str, key: str, secret: str) -> str:
    """A remote whose first folders are buckets of an S3 server."""
    options = {
        "type": "s3",
        "provider": "Other",
        "access_key_id": key,
        "secret_access_key": secret,
        "endpoint": endpoint,
        "region": "us-east-1",
        "force_path_style": "true",
    }
    return f"[{name}]\n" + "".join(f"{option} = {value}\n" for option, value in options.items())


def configured(path: Path, *remotes: str) -> Path:
    """rclone.conf with these remotes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(remotes))
    return path
