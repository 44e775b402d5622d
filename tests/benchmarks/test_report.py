"""The report of the benchmarks, from rows with known values."""

from __future__ import annotations

from pathlib import Path

from benchmarks import comparison_plot, report, sizing
from benchmarks.arrivals import Arrivals
from benchmarks.measurements import CpuPerJob, Figure, Floors, Line, at_most, skipped, times_peer
from benchmarks.scenarios.in_app import SIZE_WORK
from benchmarks.tables import cpu_table, section_table

FLOORS = Floors((5000.0,), (3000.0,))
ROLES = {"web": 1.0, "worker": 2.0, "PostgreSQL": 1.5, "relay": 0.5, "clock": 0.0, "broker": 0.25, "rest": 0.0}
PEER = Figure("Peer: jobs", 200.0, "/s", contest="jobs", contender="Peer")
HEIDI = Figure(
    "in-app, single POSTs: delivered",
    100.0,
    "/s",
    times_peer(1, PEER),
    cpu=CpuPerJob(ROLES, 0.5, 3.0),
    contest="jobs",
    contender="Heidi, single POSTs",
)


def lines(*figures: Figure) -> list[Line]:
    return [Line(figure, FLOORS, "Jobs") for figure in figures]


def rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()]


def test_a_goal_refers_to_the_peer_of_the_same_run() -> None:
    both = lines(HEIDI, PEER)
    head, _, own, peer = rows(section_table(both, both))
    assert dict(zip(head, own, strict=True)) == {
        "work": HEIDI.work,
        "measured": "100/s",
        "Heidi is": "",
        "goal": "1 x Peer (200/s)",
        "reached": "no (50 %)",
    }
    assert dict(zip(head, peer, strict=True))["Heidi is"] == "0.50 x as fast"


def test_less_is_better_for_seconds() -> None:
    slow = Figure("Peer", 6.0, "s", contest="runs", contender="Peer")
    fast = Figure("runs", 3.0, "s", times_peer(1, slow, lower=True), contest="runs", contender="Heidi")
    head, _, own, peer = rows(section_table(lines(fast, slow), lines(fast, slow)))
    assert own[head.index("reached")] == "yes"
    assert peer[head.index("Heidi is")] == "2.00 x as fast"
    assert [figure.contender for figure in comparison_plot.contests(lines(slow, fast))["runs"]] == ["Heidi", "Peer"]


def test_a_peer_that_cannot_be_installed_is_a_row_with_the_reason() -> None:
    missing = skipped("Peer: jobs", "node and npm are not installed")
    assert times_peer(1, missing) == []
    (_, _, row) = rows(section_table(lines(missing), lines(missing)))
    assert row == ["Peer: jobs", "not measured", "node and npm are not installed"]


def test_cpu_time_is_compared_with_what_the_target_allows() -> None:
    head, _, own = rows(cpu_table(lines(HEIDI)))
    values = dict(zip(head, own, strict=True))
    assert (values["all"], values["allowed"], values["reached"]) == ("5.25", "3.0", "no (57 %)")
    assert "clock" not in values
    assert "sink" not in values


def test_the_sizing_table_is_calculated_from_one_message() -> None:
    text = sizing.document(lines(HEIDI, Figure(SIZE_WORK, 2000.0, "bytes")))
    (row,) = (row for row in rows(text) if row[0] == "1,000")
    assert row == ["1,000", "2", "3", "50 %", "2.1", "7.5", "70", "5,184 GB"]
    assert sizing.PLACEHOLDER in sizing.document([])


def test_all_files_are_written(tmp_path: Path) -> None:
    report.write(lines(HEIDI, PEER, Figure("memory", 800.0, "MB", [at_most(900, "MB")])), (0.1, 0.2), tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {
        "README.md",
        "sizing.md",
        "results.json",
        "results.svg",
        "peers.svg",
    }
    assert "(peers.svg)" in (tmp_path / "README.md").read_text()
    assert "Heidi, single POSTs" in (tmp_path / "peers.svg").read_text()


def test_arrivals_are_read_while_the_file_grows(tmp_path: Path) -> None:
    file = tmp_path / "mails.txt"
    file.write_text("1.0 a@example.test\n")
    arrivals = Arrivals(file)
    with file.open("a") as sink:
        sink.write("2.0 b@example.test\n3.0 c@exa")
    assert arrivals.update() == 1
    with file.open("a") as sink:
        sink.write("mple.test\n")
    assert arrivals.update() == 2
    assert (arrivals.times, arrivals.recipients) == ([2.0, 3.0], ["b@example.test", "c@example.test"])
