"""Figures of published rows that no study's figure shows. matplotlib is imported only when one is drawn."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cotejo.figures.hover import tell, tell_each
from cotejo.figures.published import DASHES, MARKERS
from cotejo.figures.style import GRID, INK, MUTED, Style, canvas, colours
from cotejo.labels import TIMES
from cotejo.published.groups import Group, Paper, alike, placement_words
from cotejo.published.laws import mean_of
from cotejo.stats import littles_law
from cotejo.verdict import THRESHOLDS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class LittlesLaw:
    """Of each level, how many of the requests asked for are accounted for, by what was loaded."""

    title = "Requests in flight that throughput and latency account for"
    name = "littles-law"
    series: Mapping[str, Points]  # (at once, percent)

    @property
    def words(self) -> str:
        """The same for who can't see it."""
        parts = [
            f"{name}: {', '.join(f'{share:.1f} % at {level:g} at once' for level, share in points)}"
            for name, points in self.series.items()
        ]
        return f"{self.title}. {'; '.join(parts)}."

    def draw(self, style: Style) -> "Figure":
        """A line for each; the band is what the method lets pass."""
        bound = THRESHOLDS["littles_law_percent"]
        note = (
            f"By Little's law throughput {TIMES} mean latency is the number of requests in flight. Band: within "
            f"{bound:g} %. Below it, requests wait somewhere that the latency doesn't count, such as in the client."
        )
        figure, axes = canvas(style, self.title, note, style.line_in * 17)
        axes.axhspan(100 - bound, 100 + bound, color=GRID, alpha=0.5, linewidth=0)
        axes.axhline(100, color=MUTED, linewidth=0.9)
        for place, (name, colour) in enumerate(colours(self.series).items()):
            (line,) = axes.plot(
                *zip(*self.series[name], strict=True), color=colour, marker=MARKERS[place % len(MARKERS)],
                markerfacecolor="white", markersize=5, linestyle=DASHES, linewidth=1.2, label=name,
            )  # fmt: skip
            tell_each(line, [f"published: {name}, {n:g} at once: {share:.1f} %" for n, share in self.series[name]])
        axes.set_xticks(sorted({level for points in self.series.values() for level, _ in points}))
        axes.set_xlabel("Requests at once")
        axes.set_ylabel("Accounted for (%)")
        axes.grid(axis="y")
        axes.legend(loc="upper right", ncols=1 if style.width_in < 5 else len(self.series))
        return figure


@dataclass(frozen=True)
class ResponseTimes:
    """A load tool's histograms of response times."""

    title = "Response times, as the load tool's histograms have them"
    name = "response-times"
    bins: Mapping[str, Sequence[tuple[float, float, int]]]  # from and to in seconds, requests; of each load
    percentiles: Mapping[str, Mapping[str, float]]  # of each load, in seconds

    @property
    def words(self) -> str:
        """The same for who can't see it."""
        parts = [
            f"{name}: {', '.join(f'{count} from {low:g} to {high:g} s' for low, high, count in bins if count)}"
            for name, bins in self.bins.items()
        ]
        return f"{self.title}. {'; '.join(parts)}."

    def draw(self, style: Style) -> "Figure":
        """A row of bars for each load, its percentiles marked below them."""
        note = "Bars: requests in each bin of the printed histogram. Triangles: printed percentiles."
        figure, axes = canvas(style, self.title, note, style.line_in * (10 * len(self.bins) + 3))
        most = max(count for bins in self.bins.values() for _, _, count in bins)
        longest_s = max(high for bins in self.bins.values() for _, high, _ in bins)
        row = 1.7 * most  # the room of a load: its bars, the numbers above them, the percentiles below
        bases = {name: row * place for place, name in enumerate(reversed([*self.bins]))}
        for name, colour in colours(self.bins).items():
            base = bases[name]
            axes.axhline(base, color=MUTED, linewidth=0.6)
            for low, high, count in self.bins[name]:
                drawn = axes.bar(
                    low, count, high - low, base, align="edge", color=colour, edgecolor="white", linewidth=0.5
                )
                tell(drawn[0], f"published: {name}: {count} requests took {low:g} to {high:g} s")
                if count:
                    axes.text((low + high) / 2, base + count, str(count), ha="center", va="bottom", color=MUTED)
            marked_s = [*self.percentiles[name].values()]
            below = [base - 0.1 * most] * len(marked_s)
            (shapes,) = axes.plot(marked_s, below, marker="^", markersize=4, color=INK, linestyle="")
            tell_each(
                shapes, [f"published: {name}: {q} {value_s:g} s" for q, value_s in self.percentiles[name].items()]
            )
            for words, middle_s in labels(self.percentiles[name], longest_s / 12):
                axes.text(middle_s, base - 0.18 * most, words, ha="center", va="top")
        axes.set_ylim(-0.5 * most, row * len(self.bins) - 0.4 * most)
        axes.set_xlim(left=0)
        axes.set_yticks([base + most / 2 for base in bases.values()], list(bases))
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("Response time (s)")
        return figure


def labels(percentiles: Mapping[str, float], least_s: float) -> list[tuple[str, float]]:
    """What stands under the percentiles, and where, in seconds: one label for neighbours less than `least_s` apart."""
    shared: list[dict[str, float]] = []
    for name, value_s in percentiles.items():
        if shared and value_s - max(shared[-1].values()) < least_s:
            shared[-1][name] = value_s
        else:
            shared.append({name: value_s})
    return [(", ".join(group), (min(group.values()) + max(group.values())) / 2) for group in shared]


Own = LittlesLaw | ResponseTimes


def own_figures(paper: Paper) -> Iterator[Own]:
    """What a study's rows give beyond its own figures."""
    yield from filter(None, (_littles_law(paper), _response_times(paper)))


def _littles_law(paper: Paper) -> LittlesLaw | None:
    """Of loads that have several levels."""
    series: dict[str, Points] = {}
    for family in alike(paper.groups, ("concurrency",)):
        points = [
            (
                int(group.what["concurrency"]),
                100 * littles_law(rate.value, mean_s.value, int(group.what["concurrency"])),
            )
            for group in family
            if (rate := group.figure("request_throughput", "mean")) and (mean_s := mean_of(group))
        ]
        if len(points) > 1:
            series[_called(family[0])] = points
    return LittlesLaw(series) if series else None


def _response_times(paper: Paper) -> ResponseTimes | None:
    """Of loads whose histograms are printed; a bin reaches from the one before it, the first from 0."""
    bins: dict[str, Sequence[tuple[float, float, int]]] = {}
    percentiles: dict[str, Mapping[str, float]] = {}
    for group in paper.groups:
        counts = {name: int(text) for name, text in group.numbers("responses").items() if name.startswith("up to")}
        if not counts:
            continue
        edges = [float(name.split()[2]) for name in counts]
        width = edges[1] - edges[0]
        bins[_called(group)] = list(zip([edges[0] - width, *edges], edges, counts.values(), strict=False))
        printed = {"p50": "median", "p90": "p90", "p95": "p95"}
        found = {words: group.figure("latency", name) for name, words in printed.items()}
        percentiles[_called(group)] = {words: value.value for words, value in found.items() if value}
    return ResponseTimes(bins, percentiles) if bins else None


def _called(group: Group) -> str:
    """A group by its placement, and how the study calls what re-measures it."""
    return f"{placement_words(group.what['accelerators'])} ({group.run})" if group.run else group.words
