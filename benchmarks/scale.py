"""`python -m benchmarks.scale`: time and cost of many pictures, out of what was measured.

It computes and measures nothing: every rate is an argument, and the table says which are
assumptions. Prices and bandwidths are those of nobody in particular.
"""

import sys
from collections.abc import Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.program import console, run_program
from cyclegan.command_line import parse

_HOUR = 3600.0


class Scale(BaseModel):
    """Compute what 1e6, 1e8 and 1e9 pictures take, and 1,000 requests a second."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    pictures: tuple[PositiveFloat, ...] = (1e6, 1e8, 1e9)
    """Sizes of bulks."""
    requests_per_second: PositiveFloat = 1000.0
    """Of a service."""
    per_core: PositiveFloat
    """Measured: pictures a second of one core."""
    bulk_efficiency: PositiveFloat = Field(1.0, le=1)
    """Measured: what of that is left through Ray Data."""
    serve_efficiency: PositiveFloat = Field(1.0, le=1)
    """Measured: what of that is left through Ray Serve."""
    per_proxy: PositiveFloat
    """Measured: requests a second that one proxy of Ray's passes on."""
    plan_per_second: PositiveFloat
    """Measured: pictures a second that are listed and compared with the results."""
    plan_bytes: PositiveFloat
    """Measured: memory of that process, in bytes a picture."""
    kilobytes_in: PositiveFloat
    """Measured: size of a picture's file."""
    kilobytes_out: PositiveFloat
    """Measured: size of a result's file."""
    core_dollars: PositiveFloat = 0.04
    """Assumed: price of a core for an hour."""
    machine_cores: PositiveInt = 64
    """Assumed: cores of a machine."""
    machines: PositiveInt = 20
    """Assumed: machines for a bulk."""
    machine_gigabits: PositiveFloat = 25.0
    """Assumed: bandwidth of a machine."""
    busy: PositiveFloat = Field(0.6, le=1)
    """Assumed: share of its time that a replica may be busy so that requests hardly wait."""
    store_requests_per_second: PositiveFloat = 3500.0
    """Assumed: writes a second that one prefix of the object storage takes."""
    read_dollars: PositiveFloat = 0.4
    """Assumed: price of a million reads of object storage."""
    write_dollars: PositiveFloat = 5.0
    """Assumed: price of a million writes."""


class Bulk(NamedTuple):
    """What a number of pictures takes."""

    pictures: float
    core_hours: float
    hours: float
    """With the machines that are assumed, planning included."""
    core_dollars: float
    storage_dollars: float
    plan_hours: float
    """Of one process, before the work."""
    plan_gigabytes: float
    """Memory of that process."""
    limits: dict[str, float]
    """Pictures a second that each thing allows, with the machines that are assumed."""

    @property
    def bottleneck(self) -> str:
        """The thing that allows the fewest."""
        return min(self.limits, key=lambda name: self.limits[name])


class Service(NamedTuple):
    """What a number of requests a second takes."""

    requests_per_second: float
    replicas: int
    """Of one core each."""
    machines: int
    proxies: int
    dollars_an_hour: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Compute and print the tables."""
    return run_program(_run, arguments)


def _run(arguments: Sequence[str]) -> None:
    scale = parse(Scale, arguments, "python -m benchmarks.scale")
    show([bulk(scale, count) for count in scale.pictures], service(scale), scale, console())


def bulk(scale: Scale, pictures: float) -> Bulk:
    """Compute a bulk."""
    per_core = scale.per_core * scale.bulk_efficiency
    cores = scale.machines * scale.machine_cores
    bytes_a_picture = 1000 * (scale.kilobytes_in + scale.kilobytes_out)
    limits = {
        "cores": cores * per_core,
        "network": scale.machines * scale.machine_gigabits * 1e9 / 8 / bytes_a_picture,
        "writes to one prefix": scale.store_requests_per_second,
    }
    core_hours = pictures / per_core / _HOUR
    return Bulk(
        pictures=pictures,
        core_hours=core_hours,
        hours=pictures / min(limits.values()) / _HOUR + pictures / scale.plan_per_second / _HOUR,
        core_dollars=core_hours * scale.core_dollars,
        storage_dollars=pictures / 1e6 * (scale.read_dollars + scale.write_dollars),
        plan_hours=pictures / scale.plan_per_second / _HOUR,
        plan_gigabytes=pictures * scale.plan_bytes / 1e9,
        limits=limits,
    )


def service(scale: Scale) -> Service:
    """Compute a service."""
    rate = scale.requests_per_second
    replicas = _ceiling(rate / (scale.per_core * scale.serve_efficiency * scale.busy))
    machines = _ceiling(replicas / scale.machine_cores)
    dollars = machines * scale.machine_cores * scale.core_dollars
    proxies = _ceiling(rate / scale.per_proxy)
    return Service(rate, replicas, machines, proxies, dollars)


def show(bulks: Sequence[Bulk], served: Service, scale: Scale, console: Console) -> None:
    """Print the tables."""
    given = scale.model_dump(mode="json")
    console.print(", ".join(f"{name} {value}" for name, value in given.items()))
    table = Table(
        title=f"bulks on {scale.machines} machines of {scale.machine_cores} cores",
        title_justify="left",
        box=box.SIMPLE,
    )
    headings = ("pictures", "core h", "h", "cores $", "store $", "plan h", "plan GB")
    for heading in headings:
        table.add_column(heading, justify="right")
    table.add_column("bottleneck", no_wrap=True)
    for each in bulks:
        table.add_row(
            f"{each.pictures:.0e}".replace("e+0", "e"),
            f"{each.core_hours:,.0f}",
            f"{each.hours:,.2f}",
            f"{each.core_dollars:,.2f}",
            f"{each.storage_dollars:,.2f}",
            f"{each.plan_hours:,.2f}",
            f"{each.plan_gigabytes:,.1f}",
            f"{each.bottleneck}, {each.limits[each.bottleneck]:,.0f}/s",
        )
    console.print(table)
    console.print(
        f"{served.requests_per_second:,.0f} requests a second: {served.replicas:,} replicas of a "
        f"core, {served.machines} machines, {served.proxies} proxies at least, "
        f"{served.dollars_an_hour:,.2f} $ an hour"
    )


def _ceiling(number: float) -> int:
    return int(-(-number // 1))


if __name__ == "__main__":
    sys.exit(main())
