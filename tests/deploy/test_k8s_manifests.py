"""The manifests as `kubectl kustomize` builds them: whether they agree with themselves, with the image and
with docker-compose.yml. tests/deploy/test_k8s_schema.py has what Kubernetes itself says of them."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from harness.cli import main as harness
from harness.config import load_config
from target_app.settings import Settings

ROOT = Path(__file__).parents[2]
K8S = ROOT / "deploy/k8s"
OVERLAYS = ("dev", "load", "headless")
NAMESPACE = "agent-load-harness"
PART_OF = ("app.kubernetes.io/part-of", NAMESPACE)

KUBECTL = shutil.which("kubectl")

pytestmark = pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
overlays = pytest.mark.parametrize("overlay", OVERLAYS)

Manifest = dict[str, Any]


@cache
def build(folder: Path) -> list[Manifest]:
    built = subprocess.run(
        [str(KUBECTL), "kustomize", str(folder)], capture_output=True, text=True, check=False, timeout=60
    )
    assert built.returncode == 0, built.stderr
    assert "deprecated" not in built.stderr
    return list(YAML(typ="safe").load_all(built.stdout))


def of_kind(overlay: str, *kinds: str) -> list[Manifest]:
    return [each for each in build(K8S / "overlays" / overlay) if each["kind"] in kinds]


def named(overlay: str, name: str) -> Manifest:
    [found] = [each for each in of_kind(overlay, "Deployment", "Job") if each["metadata"]["name"] == name]
    return found


def pods(overlay: str) -> dict[str, Manifest]:
    """Pod templates by the name of their workload."""
    found = of_kind(overlay, "Deployment", "Job")
    return {each["metadata"]["name"]: each["spec"]["template"] for each in found}


def containers(overlay: str) -> Iterator[tuple[str, Manifest]]:
    for name, pod in pods(overlay).items():
        for container in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]:
            yield name, container


def matches(selector: Manifest, labels: dict[str, str]) -> bool:
    assert not selector.keys() - {"matchLabels"}
    return bool(selector.get("matchLabels", {}).items() <= labels.items())


def settings_of(overlay: str, container: Manifest) -> dict[str, str]:
    """What the container finds in its environment, from literals and from the overlay's ConfigMap."""
    maps = {each["metadata"]["name"]: each["data"] for each in of_kind(overlay, "ConfigMap")}
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        found |= maps[source["configMapRef"]["name"]]
    return found | {each["name"]: each.get("value", "") for each in container.get("env", [])}


@overlays
def test_every_overlay_has_what_a_test_needs(overlay: str) -> None:
    assert pods(overlay).keys() == {"inference", "target", "master", "worker"}
    kind = "Job" if overlay == "headless" else "Deployment"
    assert {named(overlay, name)["kind"] for name in ("master", "worker")} == {kind}


@overlays
def test_names_are_unique_and_in_the_namespace(overlay: str) -> None:
    built = build(K8S / "overlays" / overlay)
    names = [(each["kind"], each["metadata"]["name"]) for each in built]
    assert len(set(names)) == len(names)
    assert {each["metadata"].get("namespace") for each in built if each["kind"] != "Namespace"} == {NAMESPACE}


@overlays
def test_selectors_select_their_own_pods_and_no_others(overlay: str) -> None:
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(overlay).items()}
    for deployment in of_kind(overlay, "Deployment"):
        chosen = [name for name in labels if matches(deployment["spec"]["selector"], labels[name])]
        assert chosen == [deployment["metadata"]["name"]]
    for service in of_kind(overlay, "Service"):
        selector = {"matchLabels": service["spec"]["selector"]}
        assert [name for name in labels if matches(selector, labels[name])] == [service["metadata"]["name"]]
    for each in of_kind(overlay, "NetworkPolicy", "PodDisruptionBudget"):
        selector = each["spec"].get("podSelector", each["spec"].get("selector"))
        assert any(matches(selector, labels[name]) for name in labels), each["metadata"]["name"]


@overlays
def test_every_pod_is_part_of_the_harness(overlay: str) -> None:
    for pod in pods(overlay).values():
        assert PART_OF in pod["metadata"]["labels"].items()


@overlays
def test_named_ports_of_services_and_probes_exist(overlay: str) -> None:
    by_name = {
        name: {port["name"]: port["containerPort"] for port in pod["spec"]["containers"][0].get("ports", [])}
        for name, pod in pods(overlay).items()
    }
    for service in of_kind(overlay, "Service"):
        for port in service["spec"]["ports"]:
            assert by_name[service["metadata"]["name"]][port["targetPort"]] == port["port"]
    for name, container in containers(overlay):
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            if "httpGet" in container.get(probe, {}):
                assert container[probe]["httpGet"]["port"] in by_name[name]


@overlays
def test_ports_and_probes_are_those_of_compose(overlay: str) -> None:
    services = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    for name, pod in pods(overlay).items():
        [container] = pod["spec"]["containers"]
        check = services[name]["healthcheck"]["test"]
        ready = container["readinessProbe"]
        if "httpGet" in ready:
            [port] = [each["containerPort"] for each in container["ports"]]
            assert ["CMD", "healthy", "http", str(port), ready["httpGet"]["path"]] == check
            assert f"--port={port}" in container["args"]
            assert f"--port={port}" in services[name]["command"]
        else:
            assert ["CMD", *ready["exec"]["command"]] == check


@overlays
def test_network_policies_let_through_what_the_parts_need_and_no_more(overlay: str) -> None:
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(overlay).items()}
    ports = {"target": 8000, "inference": 9101, "master": 5557}
    open_ways = {
        (source, target)
        for source in labels
        for target in ports
        if _lets(overlay, "egress", labels[source], labels[target], ports[target])
        and _lets(
            overlay, "ingress", labels[target], labels[source], "workers" if target == "master" else "http"
        )
    }
    assert open_ways == {
        ("worker", "target"),
        ("worker", "inference"),  # a scenario may load it alone
        ("worker", "master"),
        ("master", "target"),
        ("master", "inference"),
        ("target", "inference"),
    }


def _lets(overlay: str, way: str, own: dict[str, str], other: dict[str, str], port: int | str) -> bool:
    side = "to" if way == "egress" else "from"
    for policy in of_kind(overlay, "NetworkPolicy"):
        if not matches(policy["spec"]["podSelector"], own):
            continue
        for rule in policy["spec"].get(way, []):
            peers = [peer for peer in rule[side] if "namespaceSelector" not in peer]
            chosen = any(matches(peer["podSelector"], other) for peer in peers)
            if chosen and port in [each["port"] for each in rule["ports"]]:
                return True
    return False


@overlays
def test_everything_else_is_closed(overlay: str) -> None:
    [closed] = [
        each
        for each in of_kind(overlay, "NetworkPolicy")
        if not each["spec"]["podSelector"] and not each["spec"].keys() & {"ingress", "egress"}
    ]
    assert sorted(closed["spec"]["policyTypes"]) == ["Egress", "Ingress"]


@overlays
def test_containers_have_no_privileges_and_bounded_memory(overlay: str) -> None:
    for pod in pods(overlay).values():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"]
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
    for name, container in containers(overlay):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        resources = container["resources"]
        assert resources["limits"].keys() == {"memory"}, f"{name}: a CPU limit pauses the process"
        assert resources["requests"].keys() == {"cpu", "memory"}


@overlays
def test_kubernetes_adds_no_variables_of_its_own(overlay: str) -> None:
    """For a Service `master` it would set MASTER_PORT; for one `locust-web`, an option of Locust."""
    assert {pod["spec"]["enableServiceLinks"] for pod in pods(overlay).values()} == {False}


@overlays
def test_the_image_is_the_one_of_the_dockerfile(overlay: str) -> None:
    assert {container["image"] for _, container in containers(overlay)} == {"agent-load-harness"}
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^USER 1000:1000$", dockerfile, re.MULTILINE)
    [mount] = [
        each["mountPath"]
        for each in pods(overlay)["master"]["spec"]["containers"][0]["volumeMounts"]
        if each["name"] == "results"
    ]
    workdir = re.findall(r"^WORKDIR (.+)$", dockerfile, re.MULTILINE)[-1]
    runs_dir = settings_of(overlay, pods(overlay)["master"]["spec"]["containers"][0])["HARNESS_RUNS_DIR"]
    assert mount == f"{workdir}/{runs_dir}"


@overlays
def test_volumes_and_claims_exist(overlay: str) -> None:
    claims = {each["metadata"]["name"] for each in of_kind(overlay, "PersistentVolumeClaim")}
    for pod in pods(overlay).values():
        volumes = {each["name"]: each for each in pod["spec"]["volumes"]}
        for container in pod["spec"]["containers"]:
            assert {each["name"] for each in container["volumeMounts"]} == volumes.keys()
        used = [
            each["persistentVolumeClaim"]["claimName"] for each in volumes.values() if "emptyDir" not in each
        ]
        assert set(used) <= claims


@overlays
def test_variables_are_known_to_who_reads_them(overlay: str) -> None:
    """To Locust with our plugin, to the target, or to the container's own command."""
    known_to_locust = _locust_variables()
    target = (ROOT / "target_app/settings.py").read_text(encoding="utf-8")
    for name, container in containers(overlay):
        commands = " ".join(container.get("command", []))
        for variable in settings_of(overlay, container):
            if name in ("target", "inference"):
                assert f'"{variable}"' in target
            elif variable not in ("COLUMNS", "HARNESS_METRICS_URLS"):
                script = commands + (ROOT / "deploy/compose/healthy").read_text(encoding="utf-8")
                known = known_to_locust | set(re.findall(r"[A-Z_]{4,}", script))
                assert variable in known | {"SCENARIO", "WORKERS", "LOCUST_ARGS"}, variable
    settings = settings_of(overlay, pods(overlay)["target"]["spec"]["containers"][0])
    assert Settings.from_env(settings).provider_url == "http://inference:9101"


def _locust_variables() -> set[str]:
    """Variables of Locust's options and of the plugin's; a process of its own, since Locust patches it."""
    script = (
        "import harness.plugin, locust.argument_parser as parser\n"
        "for action in parser.get_parser()._actions: print(getattr(action, 'env_var', None) or '')"
    )
    shown = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return set(shown.stdout.split())


def test_a_headless_run_waits_for_as_many_workers_as_there_are() -> None:
    worker = named("headless", "worker")["spec"]
    settings = settings_of("headless", worker["template"]["spec"]["containers"][0])
    assert worker["parallelism"] == worker["completions"] == int(settings["WORKERS"])
    assert settings["SCENARIO"] in load_config(ROOT / "harness.toml").scenarios


@pytest.mark.parametrize("name", ["master", "worker"])
def test_a_headless_run_is_not_tried_again(name: str) -> None:
    job = named("headless", name)["spec"]
    assert job["backoffLimit"] == 0
    assert job["template"]["spec"]["restartPolicy"] == "Never"


def test_the_jobs_command_is_one_that_the_harness_takes(capsys: pytest.CaptureFixture[str]) -> None:
    container = pods("headless")["master"]["spec"]["containers"][0]
    settings = settings_of("headless", container)
    settings["LOCUST_ARGS"] = "--hold-s 8"
    command = container["command"][-1].removeprefix("exec harness ")
    words = re.sub(r'"?\$(\w+)"?', lambda match: settings[match[1]], command).split()
    at = words.index("--master")
    assert harness([*words[:at], "--dry-run", "--config-file", str(ROOT / "harness.toml"), *words[at:]]) == 0
    line = capsys.readouterr().out.split()
    waits = [line[at + 1] for at, word in enumerate(line) if word == "--expect-workers-max-wait"]
    assert waits[-1] == "600"  # the last one counts: images may have to be pulled first
    assert line[line.index("--expect-workers") + 1] == settings["WORKERS"]
    assert line[-2:] == ["--hold-s", "8"]


def test_load_and_service_are_kept_on_different_nodes() -> None:
    for overlay in ("load", "headless"):
        templates = pods(overlay)
        for name, pod in templates.items():
            own = pod["metadata"]["labels"]["app.kubernetes.io/component"]
            spec = pod["spec"]["affinity"]["podAntiAffinity"]
            [term] = spec["requiredDuringSchedulingIgnoredDuringExecution"]
            apart = {
                other
                for other, its in templates.items()
                if matches(term["labelSelector"], its["metadata"]["labels"])
            }
            assert apart == ({"target", "inference"} if own == "generator" else {"master", "worker"}), name


def test_the_autoscaler_never_takes_a_worker_away() -> None:
    [scaler] = of_kind("load", "HorizontalPodAutoscaler")
    worker = named("load", "worker")
    assert scaler["spec"]["scaleTargetRef"] == {
        "apiVersion": worker["apiVersion"],
        "kind": worker["kind"],
        "name": worker["metadata"]["name"],
    }
    assert scaler["spec"]["behavior"]["scaleDown"] == {"selectPolicy": "Disabled"}
    assert "replicas" not in worker["spec"]  # each apply would set it back


def test_dev_is_one_worker_that_fits_a_laptop() -> None:
    assert named("dev", "worker")["spec"]["replicas"] == 1
    assert not of_kind("dev", "PodDisruptionBudget", "HorizontalPodAutoscaler")
    requested = [container["resources"]["requests"]["cpu"] for _, container in containers("dev")]
    assert set(requested) == {"100m"}


def test_no_pod_of_a_run_can_be_evicted() -> None:
    for overlay in ("load", "headless"):
        budgets = {each["metadata"]["name"]: each["spec"] for each in of_kind(overlay, "PodDisruptionBudget")}
        assert budgets["generator"]["minAvailable"] >= 1000  # a number: a Job has no scale to take a share of
        assert budgets["service"]["maxUnavailable"] == 0


def test_live_calls_take_the_key_from_a_secret(tmp_path: Path) -> None:
    copy = tmp_path / "k8s"
    shutil.copytree(K8S, copy)
    overlay = copy / "overlays/dev/kustomization.yaml"
    overlay.write_text(
        overlay.read_text(encoding="utf-8").replace(
            "components: [../../components/web-ui]",
            "components: [../../components/web-ui, ../../components/live]",
        ),
        encoding="utf-8",
    )
    [target] = [
        each
        for each in build(overlay.parent)
        if each["kind"] == "Deployment" and each["metadata"]["name"] == "target"
    ]
    env = {each["name"]: each for each in target["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert env["PROVIDER"]["value"] == "live"
    assert env["GROQ_API_KEY"]["valueFrom"] == {"secretKeyRef": {"name": "groq", "key": "api-key"}}


def test_no_manifest_holds_a_secret() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(K8S.rglob("*")) if path.is_file())
    assert "kind: Secret" not in text
    assert not re.search(r"gsk_\w|BEGIN [A-Z ]*PRIVATE KEY", text)


def test_the_results_reader_can_read_what_the_master_wrote() -> None:
    reader = YAML(typ="safe").load((K8S / "results-reader.yaml").read_text(encoding="utf-8"))
    [volume] = reader["spec"]["volumes"]
    claims = {each["metadata"]["name"] for each in of_kind("headless", "PersistentVolumeClaim")}
    assert volume["persistentVolumeClaim"]["claimName"] in claims
    master = pods("headless")["master"]["spec"]["securityContext"]
    assert reader["spec"]["securityContext"]["runAsUser"] == master["runAsUser"]
    assert master["fsGroup"] == master["runAsGroup"]


def test_the_operators_test_runs_files_that_the_image_has() -> None:
    [test] = [each for each in build(K8S / "operator") if each["kind"] == "LocustTest"]
    assert test["apiVersion"] == "locust.io/v1"
    words = test["spec"]["args"].split()
    for name in words[words.index("-f") + 1].split(","):
        assert (ROOT / name).is_file()
    assert words[words.index("--host") + 1] == f"http://target.{NAMESPACE}:8000"
    env = {each["name"]: each["value"] for each in test["spec"]["env"]}
    assert env["HARNESS_SCENARIO"] in load_config(ROOT / "harness.toml").scenarios
    image = (K8S / "operator/Dockerfile").read_text(encoding="utf-8")
    assert 'ENTRYPOINT ["locust"]' in image


@pytest.mark.parametrize(
    ("answers", "exit_code"),
    [pytest.param(True, 0, id="a target that is ready"), pytest.param(False, 5, id="a target that is not")],
)
def test_the_job_waits_for_its_target(answers: bool, exit_code: int) -> None:
    [waiting] = pods("headless")["master"]["spec"]["initContainers"]
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if not answers:
            server.close()
        done = subprocess.run(
            waiting["command"],
            env=os.environ | {"LOCUST_HOST": f"http://127.0.0.1:{port}/base", "SECONDS": "299"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == exit_code
    assert ("not ready within 300 s" in done.stderr) is not answers
