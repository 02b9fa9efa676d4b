"""Measure the structure of the package: sizes, private imports across packages, complexity.

Run ``python benchmarks/structure.py [FOLDER ...]`` with folders of packages (default: this
package). The script needs only the standard library and runs none of the code that it measures.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "sklearn_emg"

# A package imports from the floors below its own. The first floor serves all of them.
FLOORS = (
    (
        "_files",
        "_kernels_range",
        "_ranges",
        "_sklearn",
        "_tables",
        "_typing",
        "_validation",
        "_warnings",
        "_version",
        "exceptions",
    ),
    ("recordings",),
    ("base", "datasets", "metrics"),
    ("feature_extraction", "feature_selection", "io", "model_selection", "neural_network"),
    ("motor_units", "preprocessing"),
    ("ensemble",),
    ("adaptation", "prognosis"),
    ("comparison", "deployment", "streaming"),
    ("inspection",),
    ("papers",),
    ("show_versions",),
    ("_command",),
    ("__main__",),
)
SKIPPED = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}
BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.IfExp, ast.match_case)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def docstring_lines(tree: ast.AST) -> set[int]:
    """Return the lines of docstrings, which do not count as code."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(node, (ast.Module, ast.ClassDef, *FUNCTIONS)) or not body:
            continue
        first = body[0]
        value = first.value if isinstance(first, ast.Expr) else None
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            lines.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return lines


def code_lines(source: str, tree: ast.AST) -> int:
    """Count the lines with code, without blank lines, comments and docstrings."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in SKIPPED:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - docstring_lines(tree))


def own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function without those of nested functions and classes."""
    for child in ast.iter_child_nodes(function):
        if isinstance(child, (*FUNCTIONS, ast.ClassDef)):
            continue
        yield child
        yield from own_nodes(child)


def complexity(function: ast.AST) -> int:
    """Return the cyclomatic complexity: 1, plus 1 per branch, Boolean operand and comprehension."""
    count = 1
    for node in own_nodes(function):
        if isinstance(node, BRANCHES):
            count += 1
        elif isinstance(node, ast.BoolOp):
            count += len(node.values) - 1
        elif isinstance(node, ast.comprehension):
            count += 1 + len(node.ifs)
    return count


def home(name: str, package: str) -> str:
    """Return the top-level sub-package or module to which a dotted name belongs."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == package else ""


def imported(node: ast.Import | ast.ImportFrom, module: str, is_package: bool) -> list[str]:
    """Return the full dotted names that an import statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = module.split(".") if is_package else module.split(".")[:-1]
    start = base[: len(base) - node.level + 1] if node.level else []
    source = ".".join([*start, node.module] if node.module else start)
    return [f"{source}.{alias.name}" for alias in node.names]


def modules(root: Path) -> Iterator[tuple[str, bool, str, ast.Module]]:
    """Yield name, whether it is a package, source and syntax tree of each module."""
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root.parent).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        source = path.read_text(encoding="utf-8")
        name = ".".join(parts[:-1] if is_package else parts)
        yield name, is_package, source, ast.parse(source)


def private_imports(root: Path) -> list[str]:
    """List imports of private names or modules of one sub-package by another.

    All packages may import modules of the ground floor, ``sklearn_emg._something``; of these, only
    private names count.
    """
    package, found = root.name, []
    for module, is_package, _, tree in modules(root):
        for node in ast.walk(tree):
            if not isinstance(node, (ast.Import, ast.ImportFrom)):
                continue
            for name in imported(node, module, is_package):
                parts = name.split(".")
                if parts[0] != package or home(name, package) == home(module, package):
                    continue
                inner = parts[2:]
                if any(part.startswith("_") and not part.startswith("__") for part in inner):
                    found.append(f"{module} imports {name}")
    return found


def package_imports(root: Path) -> Counter[tuple[str, str]]:
    """Count the names that packages import from one another: {(importing, imported): n}."""
    found: Counter[tuple[str, str]] = Counter()
    for module, is_package, _, tree in modules(root):
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for name in imported(node, module, is_package):
                    pair = home(module, root.name), home(name, root.name)
                    if all(pair) and pair[0] != pair[1]:
                        found[pair] += 1
    return found


def public_names(root: Path) -> int:
    """Count the distinct names that public modules and packages list in ``__all__``."""
    names: set[str] = set()
    for module, _, _, tree in modules(root):
        parts = module.split(".")
        if any(part.startswith("_") for part in parts) or len(parts) == 1:
            continue
        # A package that computes its names lists them in a stub file.
        stub = root.parent.joinpath(*parts, "__init__.pyi")
        if stub.exists():
            tree = ast.parse(stub.read_text(encoding="utf-8"))
        for node in tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            if any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets):
                listed = node.value.elts if isinstance(node.value, (ast.List, ast.Tuple)) else []
                names.update(e.value for e in listed if isinstance(e, ast.Constant))
    return len(names)


def constructors(root: Path) -> dict[str, int]:
    """Return the number of parameters of each constructor defined in a public class."""
    found: dict[str, int] = {}
    for module, _, _, tree in modules(root):
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                for method in node.body:
                    if isinstance(method, FUNCTIONS) and method.name == "__init__":
                        a = method.args
                        number = len(a.posonlyargs + a.args + a.kwonlyargs) - 1
                        found[f"{module}.{node.name}"] = number
    return found


def percentile(values: list[int], fraction: float) -> int:
    """Return the value below which a fraction of the sorted values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(fraction * len(ordered)))]


def measure(root: Path) -> dict[str, object]:
    """Return all measures of one package."""
    lines: dict[str, int] = {}
    raw: dict[str, int] = {}
    parameters = list(constructors(root).values())
    complexities: list[tuple[int, str]] = []
    for module, _, source, tree in modules(root):
        lines[module] = code_lines(source, tree)
        raw[module] = len(source.splitlines())
        for node in ast.walk(tree):
            if isinstance(node, FUNCTIONS):
                complexities.append((complexity(node), f"{module}.{node.name}"))
    folders = Counter(path.parent for path in root.rglob("*.py"))
    folder, files = folders.most_common(1)[0]
    largest = max(raw, key=lambda name: raw[name])
    highest = max(complexities)
    high = sum(value > 10 for value, _ in complexities) / len(complexities)
    return {
        "code lines": sum(lines.values()),
        "files in the fullest folder": f"{files} ({folder.relative_to(root.parent)})",
        "lines of the largest file": f"{raw[largest]} ({largest})",
        "private imports across packages": len(private_imports(root)),
        "parameters of public __init__, 90th percentile": percentile(parameters, 0.9),
        "parameters of public __init__, maximum": max(parameters),
        "functions with complexity above 10": f"{high:.1%}",
        "highest complexity": f"{highest[0]} ({highest[1]})",
        "public names": public_names(root),
    }


def main(arguments: list[str]) -> None:
    """Print the measures of each package, one per line."""
    for root in [Path(a).resolve() for a in arguments] or [PACKAGE]:
        print(root.name)
        for name, value in measure(root).items():
            print(f"  {name:50} {value}")
        for line in private_imports(root):
            print(f"    {line}")


if __name__ == "__main__":
    main(sys.argv[1:])
