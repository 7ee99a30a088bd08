"""The rooms of the code and what they import, drawn from the imports: `python -m infra.rooms > docs/rooms.svg`.

A room is a folder of a service; the modules beside the rooms are the service's own box, on top. An arrow says that
something in one room imports something in the other; where a longer way leads there, it alone is drawn. Arrows lead
down, since imports go round in no circle.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[1]
SERVICES = ("puller", "configurator", "master", "master.cli")
BELOW = ("service", "events")
WIDTH, HEIGHT = 104, 32  # of a box
GAP_ACROSS, GAP_DOWN = 16, 44
MARGIN = 24
STYLE = (
    "text{font:13px sans-serif;fill:#1d2733;text-anchor:middle}"
    "rect{fill:#eef3f8;stroke:#9db2c7;rx:6}.top{fill:#dbe8f5}path{stroke:#7d93a8;fill:none;marker-end:url(#to)}"
)


@dataclass(frozen=True, slots=True)
class Room:
    """A box, and its row, the lowest being 0."""

    name: str
    row: int = 0


def main() -> int:
    """Print the picture."""
    sys.stdout.write(render())
    return 0


def render() -> str:
    """Draw all services side by side, above what they share."""
    graph = grimp.build_graph(*{one.partition(".")[0] for one in (*SERVICES, *BELOW)}, cache_dir=None)
    parts, left, rows = [], MARGIN, 0
    for service in SERVICES:
        edges = _edges(graph, service)
        rooms = _rooms(edges)
        rows = max(rows, *(room.row + 1 for room in rooms))
        drawn, width = _draw(rooms, edges, left)
        parts += drawn
        left += width + 2 * GAP_ACROSS
    height = rows * (HEIGHT + GAP_DOWN)
    for number, name in enumerate(BELOW):
        y = height + MARGIN + number * (HEIGHT + GAP_ACROSS)
        parts += _box(Room(name), MARGIN, y, width=left - 2 * GAP_ACROSS - MARGIN)
    total = height + MARGIN + len(BELOW) * (HEIGHT + GAP_ACROSS) + MARGIN
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left} {total}" role="img">'
    arrow = '<marker id="to" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    defs = (
        f'<defs><style>{STYLE}</style>{arrow}<path d="M0 0 8 4 0 8z" style="fill:#7d93a8;stroke:none"/></marker></defs>'
    )
    return "\n".join([head, "<title>The rooms of the code</title>", defs, *parts, "</svg>\n"])


def _edges(graph: grimp.ImportGraph, service: str) -> dict[str, set[str]]:
    """Map each box of a service to those it imports; modules beside the rooms are the service's own box."""
    rooms = {child for child in graph.find_children(service) if graph.find_children(child) and child not in SERVICES}
    modules = {service, *graph.find_descendants(service)}
    others = {one for name in SERVICES if name.startswith(f"{service}.") for one in graph.find_descendants(name)}

    def box(module: str) -> str:
        return next((room for room in rooms if module == room or module.startswith(f"{room}.")), service)

    edges: dict[str, set[str]] = {service: set(), **{room: set() for room in rooms}}
    for module in modules - others:
        for imported in graph.find_modules_directly_imported_by(module) & (modules - others):
            if box(module) != box(imported) and box(imported) != service:
                edges[box(module)].add(box(imported))
    edges[service] |= rooms
    return {name: {one for one in found if not _is_implied(edges, found, one)} for name, found in edges.items()}


def _is_implied(edges: Mapping[str, set[str]], found: set[str], one: str) -> bool:
    """Tell whether a longer way leads there."""
    return any(one in edges[other] or _is_implied(edges, edges[other], one) for other in found - {one})


def _rooms(edges: Mapping[str, set[str]]) -> list[Room]:
    return [Room(name.rpartition(".")[2], _row(edges, name)) for name in sorted(edges)]


def _row(edges: Mapping[str, set[str]], name: str) -> int:
    return max((_row(edges, other) + 1 for other in edges[name]), default=0)


def _draw(rooms: Sequence[Room], edges: Mapping[str, set[str]], left: int) -> tuple[list[str], int]:
    """Draw one service from `left` on; the parts, and how wide it is."""
    by_row: dict[int, list[Room]] = {}
    for room in rooms:
        by_row.setdefault(room.row, []).append(room)
    columns = max(map(len, by_row.values()))
    width = columns * (WIDTH + GAP_ACROSS) - GAP_ACROSS
    highest = max(by_row)
    places = {
        room.name: (
            left + (width - len(of_row) * (WIDTH + GAP_ACROSS) + GAP_ACROSS) // 2 + number * (WIDTH + GAP_ACROSS),
            MARGIN + (highest - row) * (HEIGHT + GAP_DOWN),
        )
        for row, of_row in sorted(by_row.items())
        for number, room in enumerate(of_row)
    }
    names = {name: name.rpartition(".")[2] for name in edges}
    parts = [part for room in rooms for part in _box(room, *places[room.name], is_top=room.row == highest)]
    arrows = [
        f'<path d="{_way(places[names[name]], places[names[other]])}"/>'
        for name in sorted(edges)
        for other in sorted(edges[name])
    ]
    return [*arrows, *parts], width


def _way(begin: tuple[int, int], end: tuple[int, int]) -> str:
    (x, y), (other_x, other_y) = begin, end
    return f"M{x + WIDTH // 2} {y + HEIGHT}L{other_x + WIDTH // 2} {other_y - 1}"


def _box(room: Room, x: int, y: int, *, width: int = WIDTH, is_top: bool = False) -> Iterator[str]:
    kind = ' class="top"' if is_top else ""
    yield f'<rect{kind} x="{x}" y="{y}" width="{width}" height="{HEIGHT}"/>'
    yield f'<text x="{x + width // 2}" y="{y + HEIGHT // 2 + 4}">{room.name}</text>'


if __name__ == "__main__":
    sys.exit(main())
