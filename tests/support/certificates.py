"""Certificates of a test authority, made by the `openssl` command."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

#: Where the command is; empty where there is none.
OPENSSL = shutil.which("openssl") or ""


def make_certificates(folder: Path, names: Mapping[str, str]) -> Path:
    """ca.pem in the folder, and for each name NAME.pem with NAME.key, signed by it; returns the folder.

    The value is the subject's alternative name, as `IP:127.0.0.1`.
    """

    def openssl(*words: str) -> None:
        subprocess.run([OPENSSL, *words], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Test CA")
    for name, subject in names.items():
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (folder / "ext").write_text(f"subjectAltName={subject}\n")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "ext")
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signed)
    return folder
