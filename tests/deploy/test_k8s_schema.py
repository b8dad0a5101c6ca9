"""Kubernetes' own schemas, strict (no unknown field), of every version that is still in use."""

import shutil
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

KUBECTL = shutil.which("kubectl")
K8S = Path(__file__).parents[2] / "deploy/k8s"
VERSIONS = ("1.29", "1.32", "1.37")
FOLDERS = ("overlays/dev", "overlays/load", "overlays/headless", "operator")


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("folder", FOLDERS)
def test_what_is_built_is_valid(folder: str, version: str) -> None:
    built = subprocess.run(
        [str(KUBECTL), "kustomize", str(K8S / folder)], capture_output=True, text=True, check=True, timeout=60
    )
    for manifest in YAML(typ="safe").load_all(built.stdout):
        if manifest["kind"] != "LocustTest":
            kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_results_reader_is_valid(version: str) -> None:
    reader = YAML(typ="safe").load((K8S / "results-reader.yaml").read_text(encoding="utf-8"))
    kubernetes_validate.validate(reader, version, strict=True)
