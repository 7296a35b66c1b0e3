"""The site: Sphinx with MyST pages; tutorials are executed when it is built (`make docs`)."""

import os
import sys
import tempfile
from pathlib import Path

import lakhnes

sys.path.insert(0, str(Path(__file__).parent / "_ext"))
# Pages run the program that is installed beside Sphinx.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
# Notebooks run with the settings of IPython itself, not the user's; that they speak to this machine by TCP is no news.
_settings = tempfile.TemporaryDirectory()
os.environ["IPYTHONDIR"] = _settings.name
_profile = Path(_settings.name, "profile_default")
_profile.mkdir()
(_profile / "ipython_kernel_config.py").write_text("get_config().IPKernelApp.log_level = 'ERROR'\n")

project = "lakhnes"
author = "The lakhnes developers"
copyright = "the lakhnes developers, MIT licence"
version = release = lakhnes.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_copybutton",
    "defaults",
    "names",
    "stub_docs",
]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"lakhnes {release}"
html_static_path = ["_static"]
html_favicon = "_static/icon.svg"
html_css_files = ["lakhnes.css"]
html_copy_source = False
html_show_sourcelink = False

# Nothing is loaded from elsewhere: the pages work without a network.
html_theme_options = {"footer_icons": []}
nb_ipywidgets_js = {}

# Every reference leads somewhere. In docstrings `names` are looked up; parameters have no entry of their own, and other
# packages have their own sites, which are not asked.
nitpicky = True
default_role = "py:obj"
nitpick_ignore_regex = [
    ("py:obj", r"[a-z][a-z0-9_]*"),
    ("py:.*", r"(?!lakhnes|[A-Z]).*"),
    ("py:class", r".*"),
]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
suppress_warnings = ["ref.python"]  # attributes of one name in several classes

nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = False  # signatures that are made (`keywords.py`) have no source to take defaults from
maximum_signature_line_length = 90
python_use_unqualified_type_names = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

copybutton_exclude = ".linenos, .gp, .go"
