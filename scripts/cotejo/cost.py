"""What results cost: on a rented machine by the hour, on an owned one by its price, its lifetime and its electricity.

A machine that is kept costs `kept` US dollars in each hour, whether it works or not, and `busy` more in each hour in
which it works. For a rented machine, paid only while it works, the first is nothing. For an owned one

    kept = purchase price / (lifetime · 8766 h),    busy = power · PUE · price of electricity.

Where it works a share u of the time (its utilisation), each hour of work bears the hours kept for it: kept/u + busy.
Staff, hosting, network, interest, and electricity drawn while idle are not in it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

HOURS_PER_YEAR = 365.25 * 24
SECONDS_PER_HOUR = 3600.0


class Work(NamedTuple):
    """What people buy, by the metric that tells how fast it is done."""

    unit: str  # "million tokens": what cost is told per
    amount: float  # how many of what the metric counts make one
    rate: bool = True  # whether the metric is a rate, such as tokens/s; else the seconds that one of them takes


# By the metric of the summary. Tokens are those generated; a real-time factor is seconds of work per second of audio.
WORKS = {
    "tokens_per_s": Work("million tokens", 1e6),
    "inferences_per_s": Work("1,000 inferences", 1000),
    "requests_per_s": Work("1,000 inferences", 1000),
    "frames_per_s": Work("1,000 frames", 1000),
    "real_time_factor": Work("hour of audio", SECONDS_PER_HOUR, rate=False),
    "train_s": Work("fine-tuning run", 1, rate=False),
}
TRAINING, OF_TRAINING = "fine-tuning", "train_s"


def bought(task: str, metric: str) -> bool:
    """Whether a task's metric tells how fast something is done that people buy; of training, that is the whole run."""
    return metric in WORKS and (task == TRAINING) == (metric == OF_TRAINING)


@dataclass(frozen=True)
class Assumptions:
    """What `cost` of config.yaml, or of a system's own file, assumes of an owned machine."""

    lifetime_years: float
    utilisation: float
    electricity_usd_per_kwh: float
    pue: float


@dataclass(frozen=True)
class Owned:
    """A machine that was bought."""

    purchase_usd: float
    power_w: float  # while it works

    def price(self, assumed: Assumptions) -> "Price":
        kept = self.purchase_usd / (assumed.lifetime_years * HOURS_PER_YEAR)
        return Price(kept, self.power_w / 1000 * assumed.pue * assumed.electricity_usd_per_kwh)


class Price(NamedTuple):
    """What a machine costs, in US dollars: in each hour that it is kept, and more in each hour that it works."""

    kept_usd_per_hour: float
    busy_usd_per_hour: float

    def usd_per_hour(self, utilisation: float) -> float:
        """What an hour of work costs, of a machine that works this share of the time, 0 < utilisation <= 1."""
        return self.kept_usd_per_hour / utilisation + self.busy_usd_per_hour

    def times(self, machines: int) -> "Price":
        """The price of several machines that work together."""
        return Price(machines * self.kept_usd_per_hour, machines * self.busy_usd_per_hour)


def rented(usd_per_hour: float) -> Price:
    """The price of a machine that is paid by the hour, and only for the hours in which it works."""
    return Price(0.0, usd_per_hour)


def seconds_of_work(metric: str, value: float) -> float:
    """How long one unit of work takes (`WORKS`) at this value of a metric of the summary, in seconds.

    ValueError where the value is not positive; KeyError where nothing is bought by the metric.
    """
    if not value > 0:
        raise ValueError(f"{metric}: {value:g}: no work is done at it")
    work = WORKS[metric]
    return work.amount / value if work.rate else work.amount * value


def usd_per_unit(usd_per_hour: float, metric: str, value: float) -> float:
    """What one unit of work costs at this price of an hour of work: 1.536 USD/h at 10 tokens/s is 42.67 a million."""
    return usd_per_hour * seconds_of_work(metric, value) / SECONDS_PER_HOUR


def bounds(usd_per_hour: float, metric: str, low: float, high: float) -> tuple[float, float]:
    """The interval of the cost, from that of the metric: exact, for cost is price / rate, so that a rate's bounds swap.

    The price is taken as known: the interval is of what was measured alone. NaN where the metric has no interval.
    """
    if math.isnan(low) or math.isnan(high):
        return math.nan, math.nan
    ends = sorted(usd_per_unit(usd_per_hour, metric, value) for value in (low, high))
    return ends[0], ends[1]


def machines_needed(accelerators: int, gpus: int, nodes: int = 1) -> int:
    """How many whole machines a run on so many GPUs takes, where each has `gpus` of them; at least one, and at least
    the nodes that it asks for, each of which it has for itself, whatever part of their GPUs it uses.
    """
    return max(1, nodes, math.ceil(accelerators / gpus) if gpus else 1)


def power_w(energy_per_request_j: float, requests_per_s: float) -> float:
    """The mean power while work is done, from the energy of one request: whatever its boundary was, idling included."""
    return energy_per_request_j * requests_per_s


def assumptions(config: Mapping[str, float], system: Mapping[str, Any]) -> Assumptions:
    """What is assumed of a system: config.yaml's `cost`, and over it the system's own."""
    values = {**config, **system.get("cost", {})}
    return Assumptions(**{name: float(values[name]) for name in Assumptions.__dataclass_fields__})


def break_even(owned: Price, rented: Price, speed: float) -> float:
    """The utilisation of an owned machine at which a unit of work costs on it what it costs on a rented one.

    `speed`: how many times as fast the owned one does the same work. In the time that the rented machine takes for a
    unit, and `rented` dollars an hour, the owned one takes 1/speed of it. Both cost the same where

        (kept/u + busy) / speed = rented,    so that    u = kept / (rented · speed - busy).

    Busier than that, owning is cheaper. Infinite where the electricity alone costs as much as renting does: then owning
    never pays. A result above 1 says the same of a machine that can't work more than always.
    """
    saved_usd_per_hour = rented.busy_usd_per_hour * speed - owned.busy_usd_per_hour
    return owned.kept_usd_per_hour / saved_usd_per_hour if saved_usd_per_hour > 0 else math.inf


def break_even_purchase_usd(
    owned: Price, rented: Price, speed: float, assumed: Assumptions, machines: int = 1
) -> float:
    """The most that each owned machine may have cost to be no dearer than renting, at the utilisation assumed.

    `break_even` solved for the purchase price: u · (rented · speed - busy) · lifetime. Negative where it never pays.
    """
    saved_usd_per_hour = rented.busy_usd_per_hour * speed - owned.busy_usd_per_hour
    return assumed.utilisation * saved_usd_per_hour * assumed.lifetime_years * HOURS_PER_YEAR / machines


class Swing(NamedTuple):
    """How far one assumption moves the break-even utilisation: at its lower and at its upper value."""

    what: str
    low: float
    high: float


def sensitivity(
    machine: Owned, assumed: Assumptions, rented: Price, speed: float, percent: float, machines: int = 1
) -> list[Swing]:
    """The break-even with one assumption at a time this much lower and higher, the one that moves it most first.

    The speed and the price of the rented hour enter only as their product, so that one bar is of both.
    """

    def at(machine: Owned = machine, assumed: Assumptions = assumed, speed: float = speed) -> float:
        return break_even(machine.price(assumed).times(machines), rented, speed)

    ends = (1 - percent / 100, 1 + percent / 100)
    swings = [
        Swing("purchase price", *(at(replace(machine, purchase_usd=machine.purchase_usd * end)) for end in ends)),
        Swing("lifetime", *(at(assumed=replace(assumed, lifetime_years=assumed.lifetime_years * end)) for end in ends)),
        Swing("electricity", *(at(replace(machine, power_w=machine.power_w * end)) for end in ends)),
        Swing("throughput, or rent", *(at(speed=speed * end) for end in ends)),
    ]
    return sorted(swings, key=lambda swing: -abs(math.atan(swing.low) - math.atan(swing.high)))
