"""What runs the service elsewhere: images, compose, systemd and Kubernetes, each checked by its own tool."""

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml", reason="the extra train is not installed")
pytest.importorskip("fastapi", reason="the extra serve is not installed")

from salgan.serve import Limits, create_app  # noqa: E402

HERE = Path(__file__).parents[1]
DOCKER = HERE / "docker"
IMAGES = ["Dockerfile", "cuda.Dockerfile"]


class NoModel:
    name = "none"


@pytest.fixture(scope="module")
def paths():
    return set(create_app(NoModel()).openapi()["paths"])


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((DOCKER / "compose.yaml").read_text())


@pytest.fixture(scope="module")
def objects():
    return list(yaml.safe_load_all((DOCKER / "kubernetes.yaml").read_text()))


def _tool(name):
    """A program beside this Python or on the path."""
    found = shutil.which(name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    return found or pytest.skip(f"{name} is not installed")


def _graceful_seconds():
    limits = Limits()
    return int(limits.body_timeout + limits.timeout) + 1


@pytest.mark.parametrize("name", IMAGES)
def test_hadolint_finds_nothing(name):
    done = subprocess.run([_tool("hadolint"), DOCKER / name], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_runs_as_nobody_and_asks_itself_whether_it_works(name, paths):
    text = (DOCKER / name).read_text()
    last = text[text.rindex("\nFROM ") :]
    user = re.search(r"^USER (\d+):(\d+)$", last, re.MULTILINE)
    assert user
    assert int(user[1]) > 0
    (asked,) = re.findall(r"http://127\.0\.0\.1:8000(/\w+)", last)
    assert asked in paths
    assert "HEALTHCHECK" in last


def test_the_image_for_gpus_has_the_cuda_that_its_runtime_is_built_for():
    text = (DOCKER / "cuda.Dockerfile").read_text()
    # By the extras cuda and cudnn of the wheels' metadata, 1.27 to 1.31 are built for CUDA 13 and cuDNN 9.
    assert '"onnxruntime-gpu>=1.27,<1.32"' in text
    assert re.search(r"^FROM nvidia/cuda:13\.[\d.]+-cudnn-runtime-", text, re.MULTILINE)


@pytest.mark.parametrize("name", IMAGES)
def test_what_an_image_copies_is_there_and_not_ignored(name):
    kept = {line[1:] for line in (HERE / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    text = (DOCKER / name).read_text()
    copied = [line.split()[1:-1] for line in text.splitlines() if re.match(r"COPY (?!--)", line)]
    for each in (entry for line in copied for entry in line):
        assert (HERE / each).exists(), each
        assert each in kept


def test_commands_in_all_of_them_are_ones_that_serve_takes(salgan, compose, objects):
    options = salgan("serve", "--help").out
    container = objects[0]["spec"]["template"]["spec"]["containers"][0]
    unit = (DOCKER / "salgan.service").read_text()
    said = [
        *compose["services"]["salgan"]["command"],
        *container["args"],
        *re.findall(r"--[a-z-]+", re.search("^ExecStart=(.*)$", unit, re.MULTILINE)[1]),
        *re.findall(r'"(--[a-z-]+)"', (DOCKER / "Dockerfile").read_text()),
    ]
    names = {each.partition("=")[0] for each in said if each.startswith("--")}
    assert len(names) >= 4
    for name in names:
        assert name in options


def test_compose_shows_the_world_only_the_proxy_and_holds_both_tight(compose):
    services = compose["services"]
    assert "ports" not in services["salgan"]
    assert compose["networks"]["inside"]["internal"] is True
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
    assert int(services["salgan"]["stop_grace_period"].removesuffix("s")) > _graceful_seconds()


def test_the_proxy_asks_for_a_password_and_brings_the_token():
    text = (DOCKER / "Caddyfile").read_text()
    assert "basic_auth" in text
    assert 'header_up Authorization "Bearer {$SALGAN_TOKEN}"' in text
    assert f"max_size {Limits().max_bytes // 1_000_000}MB" in text


def test_caddy_reads_its_file(tmp_path):
    caddy = _tool("caddy")
    environment = {"SALGAN_HOST": "example.org", "SALGAN_TOKEN": "t" * 20, "SALGAN_USER": "me"}
    password = subprocess.run(
        [caddy, "hash-password", "--plaintext", "long"], capture_output=True, text=True, check=True
    ).stdout.strip()
    done = subprocess.run(
        [caddy, "validate", "--config", DOCKER / "Caddyfile", "--adapter", "caddyfile"],
        env={**os.environ, **environment, "SALGAN_PASSWORD_HASH": password, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_systemd_accepts_the_unit_and_finds_it_well_confined(tmp_path):
    analyze = _tool("systemd-analyze")
    text = (DOCKER / "salgan.service").read_text()
    unit = tmp_path / "salgan.service"
    unit.write_text(text.replace("/opt/salgan/bin/salgan", "/usr/bin/env"))  # one that is installed here
    done = subprocess.run([analyze, "verify", unit], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=20", unit], capture_output=True, text=True
    )
    assert said.returncode == 0, said.stdout  # an exposure of at most 2.0 of 10
    assert int(re.search(r"TimeoutStopSec=(\d+)", text)[1]) > _graceful_seconds()


def test_kubernetes_objects_fit_their_schemas(objects):
    validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    version = validate.latest_version()
    assert [each["kind"] for each in objects] == ["Deployment", "Service", "PodDisruptionBudget"]
    for each in objects:
        validate.validate(each, version, strict=True)


def test_kubernetes_probes_ask_what_there_is_and_wait_long_enough(objects, paths):
    pod = objects[0]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    probes = {
        name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")
    }
    assert probes == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
    assert set(probes.values()) <= paths
    pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] > pause + _graceful_seconds()
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert objects[1]["spec"]["selector"] == objects[0]["spec"]["template"]["metadata"]["labels"]


def test_the_image_is_built_and_serves_with_nothing_that_it_may_write(tmp_path):
    docker = _tool("docker")
    if subprocess.run([docker, "info"], capture_output=True).returncode:
        pytest.skip("no Docker daemon answers")
    build = [docker, "build", "--quiet", "-f", DOCKER / "Dockerfile", HERE]
    image = subprocess.run(build, capture_output=True, text=True, check=True).stdout.strip()
    run = [docker, "run", "--rm", "--detach", "--read-only", "--tmpfs=/tmp", "--cap-drop", "ALL"]
    line = [*run, "--publish", "127.0.0.1::8000", image]
    container = subprocess.run(line, capture_output=True, text=True, check=True).stdout.strip()
    try:
        port = subprocess.run([docker, "port", container, "8000"], capture_output=True, text=True).stdout
        url = f"http://127.0.0.1:{port.strip().rpartition(':')[2]}"
        end = time.monotonic() + 60
        while True:
            try:
                assert urllib.request.urlopen(f"{url}/readyz").status == 200
                break
            except OSError:
                assert time.monotonic() < end
                time.sleep(0.5)
        picture = (HERE / "examples" / "photo.jpg").read_bytes()
        request = urllib.request.Request(f"{url}/v1/predict", picture, {"Content-Type": "image/jpeg"})
        assert urllib.request.urlopen(request).status == 200
        who = subprocess.run([docker, "exec", container, "id", "-u"], capture_output=True, text=True).stdout
        assert who.strip() == "10001"
    finally:
        subprocess.run([docker, "kill", container], capture_output=True)
