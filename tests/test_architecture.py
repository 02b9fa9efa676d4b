"""The floors of the package: no package imports upward, in a circle, or another's private names."""

import ast
import sys
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from structure import (  # noqa: E402
    FLOORS,
    FUNCTIONS,
    PACKAGE,
    complexity,
    constructors,
    home,
    imported,
    modules,
    percentile,
    private_imports,
)

FLOOR = {name: floor for floor, names in enumerate(FLOORS) for name in names}


def imports(top_level_only=False):
    """Yield (importing module, imported module or name) within the package."""
    for module, is_package, _, tree in modules(PACKAGE):
        nodes = outside_functions(tree) if top_level_only else ast.walk(tree)
        for node in nodes:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for name in imported(node, module, is_package):
                    if name.split(".")[0] == PACKAGE.name:
                        yield module, name


def outside_functions(node):
    """Nodes that run when a module is imported, without ``if TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, FUNCTIONS):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        yield child
        yield from outside_functions(child)


def test_every_module_has_its_floor():
    below = {home(module, PACKAGE.name) for module, *_ in modules(PACKAGE)} - {""}
    assert below <= set(FLOOR)


def test_nothing_imports_upward():
    found = []
    for module, name in imports():
        above, below = home(module, PACKAGE.name), home(name, PACKAGE.name)
        # All ground modules form one floor, number 0.
        if above != below and FLOOR.get(above, 0) > 0 and FLOOR.get(below, -1) >= FLOOR[above]:
            found.append(f"{module} imports {name}")
    assert not found


def test_there_is_no_circle_of_imports():
    known = {module for module, *_ in modules(PACKAGE)}
    graph = {module: set() for module in known}
    for module, name in imports(top_level_only=True):
        while name not in known:
            name = name.rpartition(".")[0]
        # A package imports its parts; its parts import one another, not their package.
        if name != module:
            graph[module].add(name)
    # A circle raises CycleError, which names its modules.
    assert set(TopologicalSorter(graph).static_order()) == known


def test_no_private_name_is_imported_from_another_package():
    assert private_imports(PACKAGE) == []


def test_no_function_is_too_complex():
    found = {
        f"{module}.{node.name}": complexity(node)
        for module, _, _, tree in modules(PACKAGE)
        for node in ast.walk(tree)
        if isinstance(node, FUNCTIONS)
    }
    assert [name for name, value in found.items() if value > 15] == []
    above_10 = [name for name, value in found.items() if value > 10]
    assert len(above_10) <= 0.016 * len(found), above_10


def test_few_constructors_have_more_than_ten_parameters():
    found = constructors(PACKAGE)
    many = [name for name, number in found.items() if number > 10]
    assert percentile(list(found.values()), 0.9) <= 10, many


def test_no_file_is_too_long_and_no_folder_too_full():
    lines = {module: len(source.splitlines()) for module, _, source, _ in modules(PACKAGE)}
    assert [module for module, n in lines.items() if n > 750] == []
    files = Counter(path.parent for path in PACKAGE.rglob("*.py"))
    assert [folder for folder, n in files.items() if n > 16] == []


def test_names_of_variables_are_words_of_the_field():
    found = []
    for module, _, _, tree in modules(PACKAGE):
        for node in ast.walk(tree):
            name = getattr(node, "id", None) or getattr(node, "arg", None)
            if name in {"said", "told", "mine", "nobody", "strange", "share"}:
                found.append(f"{module}:{node.lineno}: {name}")
    assert not found


def test_sums_in_other_kernels_are_inlined():
    # A separate copy of such a function may be vectorised differently, and numba calls this copy
    # after compiling but not after loading the calling function from the disk.
    found = []
    for module, _, source, tree in modules(PACKAGE):
        if "njit" not in source:
            continue
        compiled = {
            node.name: (node, text)
            for node in tree.body
            if isinstance(node, ast.FunctionDef)
            and "njit" in (text := " ".join(map(ast.unparse, node.decorator_list)))
        }
        for caller, (node, _) in compiled.items():
            calls = (n.func for n in ast.walk(node) if isinstance(n, ast.Call))
            for name in {f.id for f in calls if isinstance(f, ast.Name)} & set(compiled):
                text = compiled[name][1]
                if "fastmath" in text and "forceinline" not in text:
                    found.append(f"{module}.{caller} calls {name}")
    assert not found
