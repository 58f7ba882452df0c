"""A plot as SVG: panels side by side, both axes by powers of ten, one line a series."""
import math

COLOURS = ("#0b6e4f", "#c8553d", "#3d5a98", "#8a6d3b")
WIDTH, HEIGHT, LEFT, TOP, BOTTOM, RIGHT = 440, 330, 64, 52, 48, 20
STYLE = ('<style>text{font:12px sans-serif;fill:#333}.title{font-weight:bold}'
         '.grid{stroke:#ddd}.axis{stroke:#888}@media (prefers-color-scheme:dark)'
         '{text{fill:#ccc}.grid{stroke:#444}}</style>')


def span(values):
    """Powers of ten that hold them all."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def short(power):
    """10^power in few letters."""
    if power < 0:
        return f"{10.0 ** power:g}"
    return f"{10 ** (power % 3)}{('', 'k', 'M', 'G', 'T')[power // 3]}"


class Panel:
    def __init__(self, at, title, axis, series):
        self.at, self.title, self.axis, self.series = at, title, axis, series
        points = [point for line in series.values() for point in line]
        self.x_low, self.x_high = span([x for x, _ in points])
        self.y_low, self.y_high = span([y for _, y in points])

    def x(self, value):
        part = (math.log10(value) - self.x_low) / (self.x_high - self.x_low)
        return self.at + LEFT + part * (WIDTH - LEFT - RIGHT)

    def y(self, value):
        part = (math.log10(value) - self.y_low) / (self.y_high - self.y_low)
        return HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)

    def frame(self):
        right, bottom = self.at + WIDTH - RIGHT, HEIGHT - BOTTOM
        yield (f'<text class="title" x="{self.at + LEFT}" y="20">events/s per core, '
               f'{self.title}</text>')
        for power in range(self.y_low, self.y_high + 1):
            y = self.y(10.0 ** power)
            yield (f'<line class="grid" x1="{self.at + LEFT}" y1="{y:.1f}" x2="{right}" '
                   f'y2="{y:.1f}"/><text text-anchor="end" x="{self.at + LEFT - 6}" '
                   f'y="{y + 4:.1f}">{short(power)}</text>')
        for power in range(self.x_low, self.x_high + 1):
            x = self.x(10.0 ** power)
            yield (f'<line class="axis" x1="{x:.1f}" y1="{bottom}" x2="{x:.1f}" '
                   f'y2="{bottom + 4}"/><text text-anchor="middle" x="{x:.1f}" '
                   f'y="{bottom + 18}">{short(power)}</text>')
        yield (f'<line class="axis" x1="{self.at + LEFT}" y1="{bottom}" x2="{right}" '
               f'y2="{bottom}"/><text text-anchor="middle" x="{(self.at + LEFT + right) / 2}" '
               f'y="{HEIGHT - 8}">{self.axis}</text>')

    def legend(self):
        names = " ".join(f'<tspan dx="10" style="fill:{colour}">{name}</tspan>'
                         for colour, name in zip(COLOURS, self.series))
        yield f'<text class="title" x="{self.at + LEFT - 10}" y="36">{names}</text>'

    def lines(self):
        for colour, points in zip(COLOURS, self.series.values()):
            places = [(self.x(x), self.y(y)) for x, y in points]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
            yield f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{path}"/>'
            yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
                        for x, y in places)


def plot(panels):
    """panels: (title, name of the x axis, {series: [(x, y), ...]})"""
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH * len(panels)}" '
             f'height="{HEIGHT}" viewBox="0 0 {WIDTH * len(panels)} {HEIGHT}">', STYLE]
    for i, (title, axis, series) in enumerate(panels):
        panel = Panel(i * WIDTH, title, axis, series)
        parts += [*panel.frame(), *panel.legend(), *panel.lines()]
    return "\n".join([*parts, "</svg>", ""])
