# SPDX-License-Identifier: Apache-2.0
"""docker-compose.yml says the same as the configurations that it mounts."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from backend_processes import CONFIG, ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
OURS = {name: service for name, service in COMPOSE["services"].items() if "environment" in service}
PATH_VARIABLES = {"OTELPROV_HOME", "OTELPROV_RECORD", "OTELPROV_AGENT_STATE", "OTELPROV_GATEWAY_STATE"} | {
    "OTELPROV_JAEGER_DATA",
    "OTELPROV_JAEGER_UI",
}


def config_of(name: str) -> str:
    """Text of the configuration that the service is started with."""
    found = re.fullmatch(r"--config=/etc/otelprov/(.+)", COMPOSE["services"][name]["command"][0])
    assert found
    return (CONFIG / found[1]).read_text()


def defaults(text: str) -> dict[str, str]:
    """The variables that a configuration reads, with their defaults."""
    return dict(re.findall(r"\$\{env:([A-Z_]+):-([^}]*)\}", text))


def test_there_are_the_three_services() -> None:
    assert set(OURS) == {"agent", "gateway", "jaeger"}


@pytest.mark.parametrize("name", OURS)
def test_every_mounted_file_exists_and_every_volume_is_declared(name: str) -> None:
    for volume in OURS[name]["volumes"]:
        source = re.sub(r"^\$\{[A-Z_]+:-(.+?)\}", r"\1", volume).split(":")[0]
        if source.startswith("./"):
            assert (ROOT / source).is_file(), source
            assert volume.endswith(":ro")
        else:
            assert source in COMPOSE["volumes"]


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_one_that_the_configuration_reads(name: str) -> None:
    assert set(OURS[name]["environment"]) <= set(defaults(config_of(name)))


@pytest.mark.parametrize("name", OURS)
def test_ports_agree_with_the_configuration_and_stay_on_loopback(name: str) -> None:
    read, given = defaults(config_of(name)), OURS[name]["environment"]
    listening = {str(value).rsplit(":", 1)[1] for value in given.values() if str(value).startswith("0.0.0.0:")}
    for variable, value in given.items():
        if variable not in PATH_VARIABLES:
            assert value.rsplit(":", 1)[1] == read[variable].rsplit(":", 1)[1], variable
    for port in OURS[name]["ports"]:
        host, outside, inside = port.split(":")
        assert host == "127.0.0.1"
        assert outside == inside
        assert inside in listening


@pytest.mark.parametrize("name", OURS)
def test_what_is_kept_is_kept_on_a_volume(name: str) -> None:
    mounted = {volume.removesuffix(":ro").rsplit(":", 1)[1] for volume in OURS[name]["volumes"]}
    paths = {value for variable, value in OURS[name]["environment"].items() if variable in PATH_VARIABLES}
    assert paths <= mounted


def test_each_service_sends_to_a_port_that_the_next_one_listens_on() -> None:
    for name, variable in (("agent", "OTELPROV_GATEWAY"), ("gateway", "OTELPROV_JAEGER_OTLP")):
        to, port = OURS[name]["environment"][variable].split(":")
        assert f"0.0.0.0:{port}" in OURS[to]["environment"].values()


def test_the_health_checks_ask_where_the_services_answer() -> None:
    tests = str([service.get("healthcheck", {}).get("test") for service in COMPOSE["services"].values()])
    for name, service in OURS.items():
        port = service["environment"][f"OTELPROV_{name.upper()}_HEALTH"].split(":")[1]
        assert re.search(rf"//(?:{name}|127\.0\.0\.1):{port}/", tests), name


def test_images_are_of_the_releases_that_the_tests_run() -> None:
    manifest, lock = (CONFIG / "builder.yaml").read_text(), (CONFIG / "jaeger-build" / "go.mod").read_text()
    images = {name: service["image"].rsplit(":", 1)[1] for name, service in COMPOSE["services"].items()}
    assert {images["agent"], images["gateway"]} == set(re.findall(r"receiver/otlpreceiver v(\S+)", manifest))
    # Jaeger numbers its Go module apart: module 1.76.0 is release 2.13.0.
    assert "github.com/jaegertracing/jaeger v1.76.0 " in lock
    assert images["jaeger"] == "2.13.0"
