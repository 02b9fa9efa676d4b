"""Count the names and code lines that serve the features of an earlier version.

Run ``python benchmarks/reachable.py EARLIER``, where EARLIER is the folder ``sklearn_emg`` of the
earlier version, for example from ``git archive``. A definition is reachable from a public name if
the public name, or another reachable definition, refers to it. A class counts with all its methods,
and a reached module with its imports. Later additions to an old function are therefore counted
too. The script needs only the standard library and runs none of the code that it measures.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

from structure import PACKAGE, SKIPPED, docstring_lines, imported, modules

# Public names that were renamed, with the current name of each.
RENAMED = {
    "Figure": "PublishedResult",
    "ensembles": "tree_ensembles",
    "hybrid": "selected_features_mlp",
    "nam": "waveform_image_network",
    "network_baseline": "plain_network",
    "nodera": "mel_spectrogram_network",
    "transfer_learning": "transfer_cnn",
}
Definition = tuple[str, str]  # module and name


def bound(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement of a module defines."""
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        yield statement.name
        return
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


class Graph:
    """Definitions of a package by module and name, and the names that each refers to."""

    def __init__(self, root: Path):
        self.package = root.name
        self.defined: dict[Definition, list[ast.stmt]] = {}
        self.names: dict[str, dict[str, str]] = {}  # full names that a module imports
        self.lines: dict[str, set[int]] = {}
        self.always: dict[str, list[ast.stmt]] = {}  # imports and other statements without a name
        self.packages: dict[str, bool] = {}
        self.homes: dict[str, list[str]] = {}
        for module, is_package, source, tree in modules(root):
            tokens = tokenize.generate_tokens(io.StringIO(source).readline)
            spans = (range(t.start[0], t.end[0] + 1) for t in tokens if t.type not in SKIPPED)
            self.lines[module] = {n for span in spans for n in span} - docstring_lines(tree)
            self.packages[module] = is_package
            self.names[module] = {}
            for node in ast.walk(tree):
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    full = imported(node, module, is_package)
                    self.names[module] |= {a.asname or a.name: f for a, f in zip(node.names, full)}
            for statement in tree.body:
                found = [] if isinstance(statement, ast.If) else list(bound(statement))
                for name in found:
                    self.defined.setdefault((module, name), []).append(statement)
                    self.homes.setdefault(name, []).append(module)
                if not found:
                    self.always.setdefault(module, []).append(statement)

    def find(self, full: str) -> Definition | None:
        """Return the definition of a full dotted name, through packages that re-export it."""
        module, _, name = full.rpartition(".")
        if (module, name) in self.defined:
            return module, name
        if self.names.get(module, {}).get(name, full) != full:
            return self.find(self.names[module][name])
        # Some packages load their modules only when a name is first used.
        below = self.homes.get(name, ()) if self.packages.get(module) else ()
        return next(((home, name) for home in below if home.startswith(f"{module}.")), None)

    def named(self, module: str, statements: Iterable[ast.stmt]) -> Iterator[Definition]:
        """Yield the definitions to which statements of a module refer."""
        names, is_package = self.names[module], self.packages[module]
        for node in (node for statement in statements for node in ast.walk(statement)):
            full: list[str] = []
            if isinstance(node, ast.Name):
                full = [names.get(node.id, f"{module}.{node.id}")]
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                full = [f"{names.get(node.value.id, '')}.{node.attr}"]
            elif isinstance(node, ast.ImportFrom):
                full = imported(node, module, is_package)
            for name in full:
                if name.startswith(f"{self.package}.") and (found := self.find(name)):
                    yield found

    def reachable(self, full_names: Iterable[str]) -> int:
        """Count the code lines of the definitions that are reachable from public names."""
        waiting = [found for name in full_names if (found := self.find(name))]
        seen: set[Definition] = set()
        kept: dict[str, list[ast.stmt]] = {}
        while waiting:
            definition = waiting.pop()
            if definition in seen:
                continue
            seen.add(definition)
            module = definition[0]
            if module not in kept:
                kept[module] = list(self.always.get(module, ()))
                loose = [s for s in kept[module] if not isinstance(s, (ast.Import, ast.ImportFrom))]
                waiting += self.named(module, loose)
            kept[module] += self.defined[definition]
            waiting += self.named(module, self.defined[definition])
        return sum(
            len(self.lines[m] & {n for s in statements for n in _span(s)})
            for m, statements in kept.items()
        )


def _span(statement: ast.stmt) -> range:
    first = min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", ()))])
    return range(first, (statement.end_lineno or first) + 1)


def public(root: Path) -> dict[str, str]:
    """Return the full dotted name of each public name."""
    found: dict[str, str] = {}
    for module, _, _, tree in modules(root):
        if "._" in module or "." not in module:
            continue
        stub = root.parent.joinpath(*module.split("."), "__init__.pyi")
        tree = ast.parse(stub.read_text(encoding="utf-8")) if stub.exists() else tree
        for node in tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                listed = node.value.elts if isinstance(node.value, (ast.List, ast.Tuple)) else []
                found |= {e.value: f"{module}.{e.value}" for e in listed if hasattr(e, "value")}
    return found


def main(earlier: str) -> None:
    """Print public names and reachable code lines of both versions."""
    root = Path(earlier).resolve()
    then, today = public(root), public(PACKAGE)
    names = [today[new] for name in then if (new := RENAMED.get(name, name)) in today]
    print(f"names then {len(then)}, today {len(names)}")
    print(f"reachable code lines then {Graph(root).reachable(then.values())}", end=", ")
    print(f"today {Graph(PACKAGE).reachable(names)}")


if __name__ == "__main__":
    main(sys.argv[1])
