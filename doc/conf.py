"""Configuration of the documentation; ``make docs`` builds it."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

import matplotlib

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import generate_pages  # noqa: E402

import sklearn_emg  # noqa: E402

matplotlib.use("Agg")

project = "sklearn-emg"
author = "The sklearn-emg developers"
copyright = "2026, the sklearn-emg developers"
release = version = sklearn_emg.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx.ext.extlinks",
    "numpydoc",
    "accessible",
    "docstrings",
    "mathml",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "auto_examples/**/*.ipynb", "auto_examples/**/*.py.md5"]
templates_path = ["_templates"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
default_role = "code"  # `name` in a docstring is a parameter of the same object
nitpicky = True
# Names of other packages, which resolve only if their inventories are loaded (see below).
OTHERS = r"(sklearn|numpy|scipy|pandas|torch|skorch|imblearn|joblib|tsfresh|matplotlib|pywt|nn)"
nitpick_ignore_regex = [(r"py:.*", OTHERS + r"(\..*)?")]

# Links to other projects need a network connection; without it, only these links are missing.
if os.environ.get("SKLEARN_EMG_DOCS_ONLINE"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "scipy": ("https://docs.scipy.org/doc/scipy", None),
        "pandas": ("https://pandas.pydata.org/docs", None),
        "sklearn": ("https://scikit-learn.org/stable", None),
    }

# API pages, feature tables and the pages of the systems are generated from the package.
generate_pages.write_all(HERE / "generated")

autosummary_generate = True
toc_object_entries_show_parents = "hide"  # methods without the name of their class
autodoc_typehints = "none"  # the docstrings state types, shapes and units
autodoc_class_signature = "mixed"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

# Only code is copied, without prompts and printed output.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_selector = "div:not(.output) > div.highlight pre"

extlinks = {"doi": ("https://doi.org/%s", "doi:%s")}

myst_enable_extensions = ["colon_fence"]
suppress_warnings = ["myst.header"]  # CHANGES.md begins at its own level

html_theme = "pydata_sphinx_theme"
html_title = f"sklearn-emg {version}"
html_static_path = ["_static"]
html_css_files = ["emg.css"]
html_js_files = [("sort.js", {"defer": "defer"})]
html_context = {"default_mode": "auto"}  # light or dark, as set in the system of the reader
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navbar_align": "left",
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 7,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {
    "index": [], "install": [], "tour": [], "glossary": [], "contributing": [],
    "design": [], "changes": [], "results": [],
}  # fmt: skip

# Examples must not show readers the future warnings of other packages.
warnings.filterwarnings("ignore", category=FutureWarning)
warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")

GALLERY = "../examples"
RUN_GALLERY = os.environ.get("SKLEARN_EMG_DOCS_GALLERY", "1") != "0"
if not RUN_GALLERY:  # the guide shows some figures of the gallery
    suppress_warnings.append("image.not_readable")
sphinx_gallery_conf = {
    "examples_dirs": GALLERY,
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/(plot|compare)_",
    "reset_argv": "generate_pages.command_line",
    "subsection_order": "generate_pages.group_order",
    "nested_sections": True,
    "within_subsection_order": "generate_pages.GalleryOrder",
    "default_thumb_file": str(HERE / "generated" / "signal.png"),
    "abort_on_example_error": True,
    "only_warn_on_example_error": False,
    "min_reported_time": 0,
    "show_memory": False,
    "write_computation_times": False,
    "remove_config_comments": True,
    "plot_gallery": RUN_GALLERY,
    "download_all_examples": False,
    "notebook_images": False,
    "matplotlib_animations": False,
    "image_scrapers": ("matplotlib",),
    "capture_repr": ("_repr_html_", "__repr__"),
    "reset_modules": ("matplotlib",),
    # Each page of the reference lists the examples that use its object.
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("sklearn_emg",),
}
