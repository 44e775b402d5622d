"""Single settings, for processes that need no other one."""

from pathlib import Path

import pytest

from heidi_common.config.declaration import ConfigError, read_one
from heidi_common.config.sections.processes import LocalPlatform, home_folder


def test_the_first_environment_that_sets_a_variable_counts_and_the_default_is_last(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("18080\n")
    from_file = {"HEIDI_PORT_FILE": str(tmp_path / "port")}
    assert read_one(LocalPlatform, "router_port", {"HEIDI_PORT": ""}, {"HEIDI_PORT": "28080"}) == 28080
    assert read_one(LocalPlatform, "router_port", from_file, {"HEIDI_PORT": "invalid"}) == 18080
    assert read_one(LocalPlatform, "router_port", {}, {}) == 8080


def test_an_invalid_variable_is_named() -> None:
    with pytest.raises(ConfigError, match="HEIDI_PORT: 'x' is not a whole number"):
        read_one(LocalPlatform, "router_port", {"HEIDI_PORT": "x"})


def test_the_home_folder_is_in_the_checkout_unless_it_is_named(tmp_path: Path) -> None:
    assert home_folder({"HEIDI_HOME": str(tmp_path)}) == tmp_path
    assert home_folder({"HEIDI_HOME": "~/heidi"}) == Path.home() / "heidi"
    assert home_folder({}) == Path(__file__).parents[3] / ".heidi"
